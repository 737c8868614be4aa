/**
 * Rings alarms: compares what each says now with what it said, and writes down what changed together with
 * what is to be done about it.
 *
 * Every manager does this, and needs nobody's leave: a change is one row that goes from one state to
 * another, the second manager finds it there already, and only the first writes what is to be done.
 */
import { createHash } from "node:crypto";
import { grouped } from "@holdfast/kernel/grouped";
import type { InstanceId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { type Clock, type Instant, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { type AlarmAction, type AlarmCheck, type AlarmState, evaluate } from "../core/alarm.ts";
import type { CheckName, Limits } from "../core/model.ts";
import { loadStatuses, type Status } from "./statuses.ts";

export interface AlarmDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly limits: () => Limits;
  readonly recoveriesPerDay: () => number;
}

export interface AlarmRow {
  readonly id: string;
  readonly project: ProjectId;
  readonly name: string;
  readonly instance: InstanceId | null;
  readonly check: AlarmCheck;
  readonly periods: number;
  readonly action: AlarmAction;
  readonly webhookUrl: string | null;
  readonly webhookSecret: string | null;
}

/** One alarm, one instance, and what the alarm now says of it. */
interface Turn {
  readonly alarm: AlarmRow;
  readonly status: Status;
  readonly from: AlarmState | undefined;
  readonly to: AlarmState;
  readonly by: CheckName | undefined;
}

/** Returns how many actions it has asked for. */
export async function ringAlarms(deps: AlarmDeps): Promise<number> {
  const { database, clock } = deps;
  const alarms = await database.query<AlarmRow>(
    `select id, project_id as project, name, instance_id as instance, check_name as check, periods, action,
       webhook_url as "webhookUrl", webhook_secret as "webhookSecret" from alarm`,
    [],
  );
  if (alarms.length === 0) return 0;
  const turns = await findTurns(deps, alarms);
  if (turns.length === 0) return 0;
  return database.transaction((sql) => write(deps, sql, turns, clock.now()));
}

async function findTurns(
  { database, clock, limits: readLimits }: AlarmDeps,
  alarms: readonly AlarmRow[],
): Promise<readonly Turn[]> {
  const limits = readLimits();
  const now = clock.now();
  const projects = [...new Set(alarms.map(({ project }) => project))];
  const statuses = await loadStatuses(database, { projects }, limits, now);
  const rows = await database.query<{ alarm: string; instance: string; state: AlarmState }>(
    "select alarm_id as alarm, instance_id as instance, state from alarm_watch",
    [],
  );
  const before = new Map(rows.map(({ alarm, instance, state }) => [`${alarm} ${instance}`, state]));
  const byProject = grouped(statuses, ({ project }) => project);
  const byId = new Map(statuses.map((status) => [status.id, status]));
  return alarms.flatMap((alarm) => {
    const own = alarm.instance && byId.get(alarm.instance);
    const watched = alarm.instance ? (own ? [own] : []) : (byProject.get(alarm.project) ?? []);
    return watched.flatMap((status) => {
      const from = before.get(`${alarm.id} ${status.id}`);
      const said = evaluate(alarm, status, limits, now);
      if (!said || said.state === from) return [];
      return [{ alarm, status, from, to: said.state, by: said.by }];
    });
  });
}

async function write(
  deps: AlarmDeps,
  sql: Sql,
  turns: readonly Turn[],
  now: Instant,
): Promise<number> {
  const changed = await sql.query<{ alarm: string; instance: string }>(
    `insert into alarm_watch (alarm_id, instance_id, state, since)
     select a.id, d.instance, d.state, $2
     from json_to_recordset($1::json) as d (alarm uuid, instance uuid, state text)
       join alarm a on a.id = d.alarm -- Not one that was deleted a moment ago.
     order by a.id, d.instance
     on conflict (alarm_id, instance_id) do update set state = excluded.state, since = excluded.since
     where alarm_watch.state <> excluded.state
     returning alarm_id as alarm, instance_id as instance`,
    [
      JSON.stringify(
        turns.map(({ alarm, status, to }) => ({ alarm: alarm.id, instance: status.id, state: to })),
      ),
      new Date(now),
    ],
  );
  const mine = new Set(changed.map(({ alarm, instance }) => `${alarm} ${instance}`));
  // That an alarm finds all well when it begins is no news.
  const news = turns.filter(
    ({ alarm, status, from, to }) =>
      mine.has(`${alarm.id} ${status.id}`) && (from !== undefined || to === "alarm"),
  );
  await appendJournal(
    sql,
    news.map((turn) => journalOf(turn, now)),
  );
  return act(deps, sql, news, now);
}

const journalOf = ({ alarm, status, from, to, by }: Turn, at: Instant): JournalRow => ({
  at,
  kind: "alarm",
  subject: alarm.id,
  event: to === "alarm" ? "rang" : to === "ok" ? "over" : "insufficientData",
  from,
  to,
  actor: "holdfast",
  detail: {
    alarm: alarm.name,
    instance: status.subject.name,
    ...(by ? { check: by, says: status.checks[by].says } : {}),
  },
});

const day = 24 * 3_600_000;

async function act(
  { mintId, recoveriesPerDay }: AlarmDeps,
  sql: Sql,
  news: readonly Turn[],
  now: Instant,
): Promise<number> {
  const due = news.filter(({ alarm, to }) => alarm.action === "notify" || to === "alarm");
  const spent = await countRecoveries(sql, due, now);
  const most = recoveriesPerDay();
  const isRefused = ({ alarm, status }: Turn) =>
    alarm.action === "recover" && (spent.get(status.id) ?? 0) >= most;
  const [refused, asked] = [due.filter(isRefused), due.filter((turn) => !isRefused(turn))];
  await appendJournal(
    sql,
    refused.map(({ alarm, status }) => ({
      at: now,
      kind: "alarm",
      subject: alarm.id,
      event: "recoveryRefused",
      actor: "holdfast",
      detail: {
        alarm: alarm.name,
        instance: status.subject.name,
        says: `It was recovered ${most} times within 24 hours, which is the limit.`,
      },
    })),
  );
  const rows = asked.map((turn) => ({
    id: mintId<"Job">(),
    alarm_id: turn.alarm.id,
    alarm_name: turn.alarm.name,
    project_id: turn.alarm.project,
    instance_id: turn.status.id,
    action: turn.alarm.action,
    webhook_url: turn.alarm.webhookUrl,
    webhook_secret: turn.alarm.webhookSecret,
    body: bodyOf(turn, now),
    state: "pending",
    attempts: 0,
    due_at: iso(now),
    created_at: iso(now),
  }));
  if (rows.length > 0)
    await sql.query(
      "insert into alarm_action select * from json_populate_recordset(null::alarm_action, $1::json)",
      [JSON.stringify(rows)],
    );
  return rows.length;
}

async function countRecoveries(
  sql: Sql,
  due: readonly Turn[],
  now: Instant,
): Promise<ReadonlyMap<string, number>> {
  const ids = due.filter(({ alarm }) => alarm.action === "recover").map(({ status }) => status.id);
  if (ids.length === 0) return new Map();
  const rows = await sql.query<{ instance: string; count: number }>(
    `select instance_id as instance, count(*)::int as count from alarm_action
     where action = 'recover' and state <> 'failed' and instance_id = any($1) and created_at > $2
     group by instance_id`,
    [ids, new Date(now - day)],
  );
  return new Map(rows.map(({ instance, count }) => [instance, count]));
}

/** What a webhook is told. Part of the API: names may be added, never changed. */
function bodyOf({ alarm, status, from, to, by }: Turn, at: Instant) {
  const check = by && status.checks[by];
  return {
    alarm: alarm.name,
    project: status.projectName,
    instance: { id: status.id, name: status.subject.name },
    state: to,
    before: from ?? null,
    at,
    check: by ?? null,
    status: check?.status ?? null,
    impairedSince: check?.impairedSince ?? null,
    says: check?.says ?? null,
    fix: check?.fix ?? null,
  };
}

/** For the idempotency key of the job of an action: what was asked is the action itself. */
export const hashOfAction = (id: string) =>
  createHash("sha256").update(`alarm ${id}`).digest("hex");
