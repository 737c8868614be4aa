/** Required tags, and the tags of what is made, as rows. */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { type RequiredTag, tagsRefused } from "../core/tags.ts";

/** What the tags are on. */
export interface Tagged {
  readonly resource: string;
  readonly project: ProjectId;
  readonly kind: string;
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

export async function insertTags(sql: Sql, tagged: readonly Tagged[]): Promise<void> {
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
     on conflict do nothing`,
    [JSON.stringify(rows)],
  );
}
