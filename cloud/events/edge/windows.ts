/** Event windows as rows. An instance is in one at most; so is whatever is in none, if there is one for all. */
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { WindowView } from "../api.ts";
import type { WeekRange } from "../core/windows.ts";

const select = (
  from = "event_window w",
) => `select w.id, w.name, w.ranges, w.created_at as "createdAt",
    case when w.is_for_all then null else array(
      select i.name from event_window_instance t join instance i on i.id = t.instance_id
      where t.window_id = w.id and not i.is_expunged order by i.name) end as instances
  from ${from}`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfWindows(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ windows: WindowView[]; next: string | null }> {
  const { items, next } = await readPage<WindowView>(
    sql,
    {
      name: `windows ${project}`,
      from: "event_window w",
      where: [["w.project_id = ?", project]],
      by: byName("w.name"),
      show: select,
    },
    page,
  );
  return { windows: items, next };
}

/** Rejects with `event_window_not_found`. */
export async function findWindowView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<WindowView> {
  const [row] = await sql.query<WindowView>(
    `${select()} where w.project_id = $1 and (w.name = $2 or w.id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row;
  throw problem("not_found", "event_window_not_found", `There is no event window ${nameOrId}.`, {
    fix: "See them: holdfast events windows",
  });
}

export interface NewWindow {
  readonly id: string;
  readonly name: string;
  readonly ranges: readonly WeekRange[];
  /** Undefined: for all that are in no other. */
  readonly instances: readonly { readonly id: InstanceId; readonly name: string }[] | undefined;
  readonly createdAt: Instant;
}

/** Rejects with `event_window_taken`; breaks `event_window_project_id_name_key` if the name is taken. */
export async function insertWindow(
  sql: Sql,
  project: ProjectId,
  { id, name, ranges, instances, createdAt }: NewWindow,
): Promise<void> {
  const ids = instances?.map((one) => one.id) ?? [];
  const [other] = await sql.query<{ name: string; instance: string | null }>(
    `select w.name, i.name as instance from event_window w
       left join event_window_instance t on t.window_id = w.id
       left join instance i on i.id = t.instance_id
     where w.project_id = $1 and (t.instance_id = any($2) or (w.is_for_all and $3)) limit 1`,
    [project, ids, instances === undefined],
  );
  if (other) throw taken(other.name, other.instance);
  await sql.query(
    `insert into event_window (id, project_id, name, ranges, is_for_all, created_at)
     values ($1, $2, $3, $4, $5, $6)`,
    [id, project, name, JSON.stringify(ranges), instances === undefined, iso(createdAt)],
  );
  await sql.query(
    "insert into event_window_instance (instance_id, window_id) select unnest($1::uuid[]), $2",
    [ids, id],
  );
}

export async function removeWindow(sql: Sql, id: string): Promise<void> {
  await sql.query("delete from event_window where id = $1", [id]);
}

export const taken = (window: string, instance: string | null) =>
  problem(
    "conflict",
    "event_window_taken",
    instance
      ? `${instance} is in the event window ${window} already.`
      : `The event window ${window} is for all instances already.`,
    { fix: `Delete that one first: holdfast events windows delete ${window}` },
  );
