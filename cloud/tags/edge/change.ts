/** Tags on what is there: put on, changed and taken off, by either API. */
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { isUuid } from "@holdfast/store/cursor";
import type { Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { mostTags, type Taggable, taggable } from "../core/taggable.ts";
import { putTags } from "./tags.ts";

export interface Thing {
  readonly kind: Taggable;
  readonly id: string;
}

export interface TagChange {
  readonly set?: Readonly<Record<string, string>>;
  /** With a value: only where it has that one. */
  readonly remove?: readonly { readonly key: string; readonly value?: string | undefined }[];
  /** Instead of `remove`: all that there are. */
  readonly removeAll?: boolean;
}

/** In one transaction with its rows in the journal. Rejects with `too_many_tags`. */
export async function changeTags(
  sql: Sql,
  project: ProjectId,
  things: readonly Thing[],
  { set = {}, remove = [], removeAll = false }: TagChange,
  told: Pick<JournalRow, "at" | "actor" | "requestId">,
): Promise<void> {
  const ids = things.map(({ id }) => id);
  // Who else changes them waits: the most that there may be is counted.
  await sql.query("select from tag where resource = any($1) order by resource, key for update", [
    ids,
  ]);
  if (removeAll) await sql.query("delete from tag where resource = any($1)", [ids]);
  if (remove.length > 0)
    await sql.query(
      `delete from tag using unnest($2::text[], $3::text[]) as gone (key, value)
       where resource = any($1) and tag.key = gone.key and (gone.value is null or gone.value = tag.value)`,
      [ids, remove.map(({ key }) => key), remove.map(({ value }) => value ?? null)],
    );
  await putTags(
    sql,
    things.map(({ kind, id }) => ({ resource: id, project, kind: taggable[kind].row, tags: set })),
  );
  const [full] = await sql.query(
    "select resource from tag where resource = any($1) group by resource having count(*) > $2",
    [ids, mostTags],
  );
  if (full)
    throw problem("exhausted", "too_many_tags", `Nothing has more than ${mostTags} tags.`, {
      fix: "Take some away: holdfast tags remove",
    });
  const detail = { set, remove: removeAll ? "all" : remove.map(({ key }) => key) };
  await appendJournal(
    sql,
    things.map(({ kind, id }) => ({
      ...{ ...told, kind: taggable[kind].journal, subject: id, event: "tagsChanged", detail },
    })),
  );
}

/** By name or id. Rejects as if it were not there where it is of another project, or of everybody. */
export async function findThing(
  sql: Sql,
  project: ProjectId,
  kind: Taggable,
  nameOrId: string,
): Promise<Thing> {
  const { table, called } = taggable[kind];
  const [row] = await sql.query<{ id: string }>(
    `select x.id from ${table} x where x.project_id = $1 and ${isUuid(nameOrId) ? "x.id = $2::uuid" : called}`,
    [project, nameOrId],
  );
  if (row) return { kind, id: row.id };
  throw problem("not_found", `${kind}_not_found`, `There is no ${kind} ${nameOrId} here.`, {
    fix: "See what there is: holdfast list, volumes, snapshots, images, security-groups, keypairs, addresses",
  });
}
