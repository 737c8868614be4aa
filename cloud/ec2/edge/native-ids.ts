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
  readonly params: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** The same handler, for requests that may name things by EC2's ids. */
export const takingEc2Ids =
  (sql: Sql) =>
  ({ route, answer }: Handler): Handler => {
    if (!route.path.includes("/:project")) return { route, answer };
    const translated = async (request: Told) => {
      const project = request.params.project as ProjectId; // It has just been looked up.
      const [params, body] = await Promise.all([
        withNativeIds(sql, project, request.params),
        isPlain(request.body) ? withNativeIds(sql, project, request.body) : request.body,
      ]);
      return answer({ ...request, params, body } as never); // Of the same shape as before.
    };
    return { route, answer: translated as Handler["answer"] };
  };

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The same fields, with our ids instead of EC2's. `name` is what something new is to be called. */
async function withNativeIds(
  sql: Sql,
  project: ProjectId,
  fields: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const entries = Object.entries(fields);
  const asked = entries.flatMap(([name, value]) => (name === "name" ? [] : idsIn(value)));
  if (asked.length === 0) return fields;
  const known = await nativeIds(sql, project, asked);
  const native = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(native) : (known.get(value) ?? value);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, name === "name" ? value : native(value)]),
  );
}

/** Those that may be meant, by their prefix. */
const idsIn = (value: unknown): readonly RegExpExecArray[] =>
  Array.isArray(value)
    ? value.flatMap(idsIn)
    : (typeof value === "string" && [shape.exec(value)].filter((found) => found !== null)) || [];

/** By EC2's: one question for each kind of thing, however many there are. */
async function nativeIds(
  sql: Sql,
  project: ProjectId,
  asked: readonly RegExpExecArray[],
): Promise<ReadonlyMap<unknown, string>> {
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
