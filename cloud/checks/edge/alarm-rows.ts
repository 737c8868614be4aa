/** Alarms as people see them: their definition, and what they say of the instances that they watch. */
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { AlarmView } from "../api.ts";
import { type AlarmState, worst } from "../core/alarm.ts";
import type { AlarmRow } from "./alarms.ts";

interface ViewRow extends Omit<AlarmView, "state" | "since" | "ringing"> {
  readonly watched:
    | readonly { readonly state: AlarmState; readonly since: string; readonly name: string }[]
    | null;
}

const select = (
  from = "alarm a",
) => `select a.id, a.name, i.name as instance, a.check_name as check, a.periods, a.action,
    a.webhook_url as webhook, a.created_at as "createdAt", a.created_by as "createdBy",
    (select jsonb_agg(jsonb_build_object('state', w.state, 'name', o.name,
        'since', (extract(epoch from w.since) * 1000)::bigint) order by o.name)
     from alarm_watch w join instance o on o.id = w.instance_id and not o.is_expunged
     where w.alarm_id = a.id) as watched
  from ${from} left join instance i on i.id = a.instance_id`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfAlarms(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ alarms: AlarmView[]; next: string | null }> {
  const { items, next } = await readPage<ViewRow>(
    sql,
    {
      name: `alarms ${project}`,
      from: "alarm a",
      where: [["a.project_id = ?", project]],
      by: byName("a.name"),
      show: select,
    },
    page,
  );
  return { alarms: items.map(viewOf), next };
}

/** By name or id. Rejects with `alarm_not_found`. */
export async function findAlarmView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<AlarmView> {
  const [row] = await sql.query<ViewRow>(
    `${select()} where a.project_id = $1 and (a.name = $2 or a.id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return viewOf(row);
  throw problem("not_found", "alarm_not_found", `There is no alarm ${nameOrId}.`, {
    fix: "See them: holdfast alarms",
  });
}

function viewOf({ watched, ...row }: ViewRow): AlarmView {
  const all = watched ?? [];
  const state = worst(all.map((one) => one.state));
  const sinces = all.filter((one) => one.state === state).map(({ since }) => Number(since));
  return {
    ...row,
    state,
    since: sinces.length > 0 ? Math.min(...sinces) : null,
    ringing: all.filter((one) => one.state === "alarm").map(({ name }) => name),
  };
}

export interface NewAlarm extends AlarmRow {
  readonly createdAt: Instant;
  readonly createdBy: string;
}

export async function insertAlarm(sql: Sql, alarm: NewAlarm): Promise<void> {
  await sql.query(
    `insert into alarm (id, project_id, name, instance_id, check_name, periods, action, webhook_url,
       webhook_secret, created_at, created_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      alarm.id,
      alarm.project,
      alarm.name,
      alarm.instance,
      alarm.check,
      alarm.periods,
      alarm.action,
      alarm.webhookUrl,
      alarm.webhookSecret,
      new Date(alarm.createdAt),
      alarm.createdBy,
    ],
  );
}

export async function countAlarms(sql: Sql, project: ProjectId): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    "select count(*)::int as count from alarm where project_id = $1",
    [project],
  );
  return row?.count ?? 0;
}

/** By id, or by the name of one that is not expunged. Rejects with `instance_not_found`. */
export async function findInstanceId(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<InstanceId> {
  const [row] = await sql.query<{ id: InstanceId }>(
    `select id from instance where project_id = $1 and not is_expunged and (name = $2 or id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row.id;
  throw problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
    fix: "See them: holdfast list",
  });
}
