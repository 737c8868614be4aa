/**
 * EC2's ids where ours are asked for: whoever has one from an EC2 client can give it to `holdfast` as well.
 *
 * Only what is exactly such an id and belongs to something of this project is taken for it. Everything else stays as
 * it was written, so a thing that is merely called like one is found by its name.
 */
import { mayUse } from "@holdfast/cloud/images/edge";
import { mayUseSnapshot } from "@holdfast/cloud/volumes/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Handler } from "@holdfast/kernel/route";
import type { Sql } from "@holdfast/store/database";
import { digits } from "./instance-rows.ts";

const tables: Readonly<Record<string, string>> = {
  i: "instance",
  vol: "volume",
  snap: "snapshot",
  ami: "image",
  sg: "security_group",
};
const shape = /^(i|vol|snap|ami|sg)-([0-9a-f]{17})$/;

/** What may also be another project's, and is shared. */
const others: Readonly<Record<string, { readonly as: string; readonly isTheirs: string }>> = {
  image: { as: "i", isTheirs: mayUse("$1") },
  snapshot: { as: "n", isTheirs: mayUseSnapshot("$1") },
};

interface Told {
  readonly params: Fields;
  readonly query: Fields;
  readonly body: unknown;
}
type Fields = Readonly<Record<string, unknown>>;

/** The same handler, for requests that may name things by EC2's ids. */
export const takingEc2Ids =
  (sql: Sql) =>
  ({ route, answer }: Handler): Handler => {
    if (!route.path.includes("/:project")) return { route, answer };
    const translated = async ({ params, query, body, ...rest }: Told) => {
      const asked = { params, query, body };
      const known = await nativeIds(sql, params.project as ProjectId, idsIn(asked)); // It has just been looked up.
      return answer({ ...rest, ...(withNativeIds(asked, known) as typeof asked) } as never); // Of the same shape as before.
    };
    return { route, answer: translated as Handler["answer"] };
  };

/** What users have written, and what something new is to be called: there an id is a word like any other. */
const words: ReadonlySet<string> = new Set(
  "name tags set remove userData publicKey description reason says".split(" "),
);

const partsOf = (value: unknown): readonly (readonly [name: string, part: unknown])[] =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value).filter(([name]) => !words.has(name))
    : [];

/** Those that may be meant, by their prefix, however deep they are. */
function idsIn(value: unknown): readonly RegExpExecArray[] {
  if (Array.isArray(value)) return value.flatMap(idsIn);
  if (typeof value !== "string") return partsOf(value).flatMap(([, part]) => idsIn(part));
  const found = shape.exec(value);
  return found ? [found] : [];
}

/** The same, with our ids instead of EC2's. */
function withNativeIds(value: unknown, known: ReadonlyMap<unknown, string>): unknown {
  if (known.size === 0) return value;
  if (Array.isArray(value)) return value.map((one) => withNativeIds(one, known));
  if (typeof value !== "object" || value === null) return known.get(value) ?? value;
  const parts = partsOf(value).map(([name, part]) => [name, withNativeIds(part, known)]);
  return { ...value, ...Object.fromEntries(parts) };
}

/** By EC2's: one question for each kind of thing, however many there are. */
async function nativeIds(
  sql: Sql,
  project: ProjectId,
  asked: readonly RegExpExecArray[],
): Promise<ReadonlyMap<unknown, string>> {
  if (asked.length === 0) return new Map();
  const found = Object.entries(tables).map(async ([prefix, table]) => {
    const wanted = asked.flatMap(([, of, last]) => (of === prefix ? [last] : []));
    if (wanted.length === 0) return [];
    const { as, isTheirs } = others[table] ?? { as: "x", isTheirs: "x.project_id = $1" };
    const rows = await sql.query<{ id: string; last: string }>(
      `select ${as}.id, ${digits(`${as}.id`)} as last from ${table} ${as} where ${isTheirs} and ${digits(`${as}.id`)} = any($2)`,
      [project, wanted],
    );
    return rows.map(({ id, last }): [string, string] => [`${prefix}-${last}`, id]);
  });
  return new Map((await Promise.all(found)).flat());
}
