/**
 * Tags as rows. The native API and EC2's write and read the same ones, so what one of them says is so in the other.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { type RequiredTag, tagsRefused } from "../core/required.ts";
import type { TagRowKind } from "../core/taggable.ts";

/** What the tags are on. */
export interface Tagged {
  readonly resource: string;
  readonly project: ProjectId;
  readonly kind: TagRowKind;
  readonly tags: Readonly<Record<string, string>>;
}

/** Of the project and of its organisation: both must be satisfied. */
export function readRequiredTags(sql: Sql, project: ProjectId): Promise<readonly RequiredTag[]> {
  return sql.query<RequiredTag>(
    `select t.key, t.allowed from required_tag t join project p on p.id = $1
     where t.project_id = p.id or t.organisation_id = p.organisation_id order by t.key`,
    [project],
  );
}

/** Rejects with `tag_required`. */
export async function mustBeTagged(
  sql: Sql,
  project: ProjectId,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const why = tagsRefused(await readRequiredTags(sql, project), tags);
  if (why) throw why;
}

/** Of what is new. */
export const insertTags = (sql: Sql, tagged: readonly Tagged[]) => write(sql, tagged, "do nothing");

/** Of what may have some: those of other keys stay. */
export const putTags = (sql: Sql, tagged: readonly Tagged[]) =>
  write(sql, tagged, "(resource, key) do update set value = excluded.value");

async function write(sql: Sql, tagged: readonly Tagged[], onConflict: string): Promise<void> {
  const rows = tagged.flatMap(({ resource, project, kind, tags }) =>
    Object.entries(tags).map(([key, value]) => ({
      resource,
      project_id: project,
      kind,
      key,
      value,
    })),
  );
  if (rows.length === 0) return;
  await sql.query(
    `insert into tag (resource, project_id, kind, key, value)
     select resource, project_id, kind, key, value from json_populate_recordset(null::tag, $1::json)
     on conflict ${onConflict}`,
    [JSON.stringify(rows)],
  );
}

/** For queries: the tags of the thing of this column, as views show them. */
export const tagsOf = (id: string) => `coalesce(${tagsOrNull(id)}, '{}')`;

/** The same for long lists: most things have none, and nothing is cheaper to send. */
export const tagsOrNull = (id: string) =>
  `(select json_object_agg(t.key, t.value order by t.key) from tag t where t.resource = ${id})`;

/** For a list of rows of this alias: that they have the tag that is asked for, if one is. */
export const taggedAs = (
  alias: string,
  filter: string | undefined,
): readonly [condition: string, value: string | undefined] => [
  `exists (select from tag t where t.resource = ${alias}.id and t.project_id = ${alias}.project_id and t.key = split_part(?, '=', 1)
     ${filter?.includes("=") ? "and t.value = substr(?, length(split_part(?, '=', 1)) + 2)" : ""})`,
  filter,
];

export async function readTags(sql: Sql, id: string): Promise<Record<string, string>> {
  const [row] = await sql.query<{ tags: Record<string, string> }>(
    `select ${tagsOf("$1")} as tags`,
    [id],
  );
  return row?.tags ?? {};
}
