/**
 * EC2's ids where ours are asked for: whoever has one from an EC2 client can give it to `holdfast` as well.
 *
 * Only what is exactly such an id and belongs to something of this project is taken for it. Everything else stays as
 * it was written, so a thing that is merely called like one is found by its name.
 */
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
  if (!entries.some(([name, value]) => name !== "name" && isAny(value))) return fields;
  const found = entries.map(async ([name, value]) => {
    if (name === "name") return [name, value];
    if (Array.isArray(value))
      return [name, await Promise.all(value.map((one) => native(sql, project, one)))];
    return [name, await native(sql, project, value)];
  });
  return Object.fromEntries(await Promise.all(found));
}

const isAny = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(isAny) : typeof value === "string" && shape.test(value);

async function native(sql: Sql, project: ProjectId, value: unknown): Promise<unknown> {
  const [, prefix = "", last] = (typeof value === "string" && shape.exec(value)) || [];
  const table = tables[prefix];
  if (table === undefined) return value;
  const isOurs = table === "image" ? "(project_id = $1 or project_id is null)" : "project_id = $1";
  const [row] = await sql.query<{ id: string }>(
    `select id from ${table} where ${isOurs} and ${digits("id")} = $2`,
    [project, last],
  );
  return row?.id ?? value;
}
