/**
 * A page of a list, read from PostgreSQL: found by an index first, and dressed then with what it shows besides.
 *
 * A list goes by columns that never change, such as an id or the name of something that cannot be renamed: what is there
 * all the while is on one page and on one only, whatever comes and goes. Only what is asked for is in the text of the
 * statement: with `or` and null PostgreSQL would read every row.
 */
import { cursorOf, isText, isUuid } from "./cursor.ts";
import type { Sql } from "./database.ts";

/** What a caller says: `kernel/shapes.ts` declares it. */
export interface AskedPage {
  readonly limit: number;
  readonly after?: string | undefined;
}

/** What a row is sorted by, column for column. */
type Key = readonly (string | number)[];

export interface List<Row> {
  /** Names it, and whatever else it goes by, such as its project: cursors of another are refused. */
  readonly name: string;
  /** The rows that are looked through: a table with its alias, and what it is joined with to be asked. */
  readonly from: string;
  /** `?` stands for the value. A condition whose value is undefined is not asked. */
  readonly where: readonly (readonly [condition: string] | readonly [string, value: unknown])[];
  /** The columns that no two rows share. Undefined: the id. */
  readonly by?: {
    readonly columns: readonly string[];
    readonly keyOf: (row: Row) => Key;
    /** Whether what a cursor holds can be compared with these columns. */
    readonly isKey: (key: readonly unknown[]) => boolean;
  };
  readonly newestFirst?: boolean;
  /** The whole statement, of the rows that were found. They go by the alias. `value`: stands for one in it. */
  readonly show: (found: string, value: (one: unknown) => string) => string;
}

/** `Row` has an id, where the list says nothing else. Rejects with `cursor_not_valid`. */
export async function readPage<Row extends object>(
  sql: Sql,
  list: List<Row>,
  { limit, after }: AskedPage,
): Promise<{ readonly items: Row[]; readonly next: string | null }> {
  const alias = list.from.split(" ")[1] ?? list.from;
  const { columns, keyOf, isKey } = list.by ?? byId<Row>(alias);
  const cursor = cursorOf<Key>(list.name, (key): key is Key => Array.isArray(key) && isKey(key));
  const values: unknown[] = [limit + 1];
  const set = (value: unknown) => `$${values.push(value)}`;
  const conditions = list.where.flatMap(([condition, ...value]) =>
    value.length === 0
      ? [condition]
      : value[0] === undefined
        ? []
        : [condition.replaceAll("?", set(value[0]))],
  );
  const order = list.newestFirst ? " desc" : "";
  const sorted = `order by ${columns.map((column) => `${column}${order}`).join(", ")}`;
  if (after !== undefined) {
    const key = cursor.read(after).map(set);
    conditions.push(`(${columns.join(", ")}) ${order ? "<" : ">"} (${key.join(", ")})`);
  }
  const where = conditions.length > 0 ? `where ${conditions.join(" and ")}` : "";
  const found = `(select ${alias}.* from ${list.from} ${where} ${sorted} limit $1) ${alias}`;
  const rows = await sql.query<Row>(`${list.show(found, set)} ${sorted}`, values);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last ? cursor.write(keyOf(last)) : null };
}

export const byId = <Row>(alias: string) => ({
  columns: [`${alias}.id`],
  keyOf: (row: Row): Key => [(row as { id: string }).id], // Whoever says nothing else has one.
  isKey: ([id]: readonly unknown[]) => isUuid(id),
});

/** Of what has a name that nobody else has, and keeps it. */
export const byName = <Row extends { readonly name: string }>(column: string) => ({
  columns: [column],
  keyOf: ({ name }: Row): Key => [name],
  isKey: ([name]: readonly unknown[]) => isText(name),
});
