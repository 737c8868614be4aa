/**
 * With which projects a thing is shared. Only with those of its own organisation: who may ask whether there is a project
 * of some name learns it, and that is told within an organisation and nowhere else.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";

export interface ShareChange {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** What has a table of its shares: `NOUN_share`. */
export interface Shared {
  readonly noun: "image" | "snapshot";
  readonly id: string;
}

/** By names or ids. Again changes nothing; its own project has it anyway. Rejects with `project_not_found`. */
export async function changeShares(
  sql: Sql,
  project: ProjectId,
  { noun, id }: Shared,
  { add, remove }: ShareChange,
): Promise<void> {
  const rows = await sql.query<{ id: ProjectId; name: string }>(
    `select p.id, p.name from project p where p.organisation_id = (select organisation_id from project where id = $1)
       and (p.name = any($2) or p.id::text = any($2))`,
    [project, [...add, ...remove]],
  );
  const idOf = (one: string) => {
    const found = rows.find(({ id, name }) => id === one || name === one);
    if (found) return found.id;
    throw problem("not_found", "project_not_found", `There is no project ${one}.`, {
      fix: "What is yours is shared with projects of the same organisation: holdfast projects",
    });
  };
  const [added, removed] = [add.map(idOf), remove.map(idOf)];
  await sql.query(
    `insert into ${noun}_share (${noun}_id, project_id) select $1, d from unnest($2::uuid[]) d where d <> $3
     on conflict do nothing`,
    [id, added, project],
  );
  await sql.query(`delete from ${noun}_share where ${noun}_id = $1 and project_id = any($2)`, [
    id,
    removed,
  ]);
}

/** For queries: the names of the projects that this thing is shared with. */
export const sharedWith = (noun: Shared["noun"], id: string) =>
  `array(select o.name from ${noun}_share s join project o on o.id = s.project_id where s.${noun}_id = ${id} order by o.name)`;

/** For queries: the things that are shared with this project, as an array of ids. */
export const sharesWith = (noun: Shared["noun"], project: string) =>
  `array(select ${noun}_id from ${noun}_share where project_id = ${project})`;
