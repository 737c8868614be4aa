/** Work on hosts as people plan and see it. What is done about it is in the round. */
import type { InstanceId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { FateView, MaintenanceRequest, MaintenanceView } from "../api.ts";
import { fatesOf, type Maintenance, type Worksite } from "../core/advance.ts";
import { type EndedEvent, endOf, type Word } from "./end-work.ts";
import type { WorkRow } from "./worksites.ts";

/** A request that says what the work is. */
type Asked = MaintenanceRequest & Pick<Maintenance, "work">;

export const viewOfWork = (row: WorkRow): MaintenanceView => ({
  ...{ id: row.id, host: row.hostName, work: row.work, state: row.state, since: row.since },
  ...{ reason: row.reason, startsAt: row.startsAt, noticeSeconds: row.noticeSeconds },
  ...{ deadline: row.deadline, endsAt: row.endsAt, createdAt: row.createdAt },
  ...{ createdBy: row.createdBy, obstacles: [...row.obstacles] },
});

export async function viewFates(sql: Sql, site: Worksite, work?: string): Promise<FateView[]> {
  const fates = fatesOf(site);
  const rows = await sql.query<{ id: string; project: string; notBefore: Instant | null }>(
    `select i.id, p.name as project, e.not_before as "notBefore"
     from instance i join project p on p.id = i.project_id
       left join scheduled_event e on e.instance_id = i.id and e.maintenance_id = $2 and e.state = 'active'
     where i.id = any($1)`,
    [fates.map(({ instance }) => instance), work ?? null],
  );
  const known = new Map(rows.map((row) => [row.id, row]));
  return fates.map(({ instance, name, does, to, says, code, losesEphemeral, obstacle }) => ({
    ...{ instance, name, does, says, losesEphemeral },
    project: known.get(instance)?.project ?? "",
    to: to ?? null,
    code: code ?? null,
    notBefore: known.get(instance)?.notBefore ?? null,
    obstacle: obstacle?.says ?? null,
  }));
}

/** Rejects with `maintenance_times_wrong`. */
export function checkTimes(request: Asked, now: Instant): void {
  const { work, startsAt = now, deadline, endsAt } = request;
  const wrong = (field: string, reason: string) =>
    problem("invalid", "maintenance_times_wrong", "These times do not fit together.", {
      fix: "The work begins, then comes its deadline; only an interruption has an end of its own.",
      faults: [{ field: `body.${field}`, reason }],
    });
  if (deadline !== undefined && (deadline <= startsAt || deadline <= now))
    throw wrong("deadline", "must be after the beginning, and in the future");
  if (work === "interrupt" && endsAt === undefined)
    throw wrong("endsAt", "must be given for an interruption");
  if (work !== "interrupt" && endsAt !== undefined)
    throw wrong("endsAt", "is only for an interruption; a host is given back by hand");
  if (endsAt !== undefined && (endsAt <= startsAt || endsAt <= now))
    throw wrong("endsAt", "must be after the beginning, and in the future");
}

/**
 * As it would be: for a preview, and for what is planned. `known`: the work on that host; what is under way keeps its
 * deadline unless another is given.
 */
export const plannedFrom = (
  { work, startsAt, deadline, endsAt, noticeSeconds }: Asked,
  usualNotice: number,
  now: Instant,
  known?: Pick<WorkRow, "state" | "deadline">,
) => ({
  work,
  startsAt: startsAt ?? now,
  deadline: deadline ?? (known && known.state !== "planned" ? known.deadline : null),
  endsAt: endsAt ?? null,
  noticeSeconds: noticeSeconds ?? usualNotice,
});
export type Planned = ReturnType<typeof plannedFrom>;

export const rehearsed = (planned: Planned): Maintenance => ({
  ...{ work: planned.work, state: "planned", obstacles: [] },
  startsAt: planned.startsAt as Instant, // Checked on the way in: moments.
  notice: 0 as Maintenance["notice"], // Of no matter to what becomes of whom.
  deadline: undefined, // As it would be now: nobody is overdue.
  endsAt: undefined,
});

export async function insertWork(
  sql: Sql,
  { id, host, reason, by }: { id: string; host: string; reason: string; by: string },
  { work, startsAt, deadline, endsAt, noticeSeconds }: Planned,
  now: Instant,
): Promise<void> {
  await sql.query(
    `insert into maintenance (id, host_id, work, state, reason, starts_at, notice_seconds, deadline, ends_at,
       since, created_at, created_by) values ($1, $2, $3, 'planned', $4, $5, $6, $7, $8, $9, $9, $10)`,
    [
      ...[id, host, work, reason, moment(startsAt), noticeSeconds],
      ...[moment(deadline), moment(endsAt), iso(now), by],
    ],
  );
}

/**
 * Resolves with what is to be told of each instance whose event is another now. Rejects with `maintenance_under_way` for what
 * can be chosen only before it begins.
 */
export async function changeWork(
  sql: Sql,
  row: WorkRow,
  reason: string,
  planned: Planned,
  isStartGiven: boolean,
  now: Instant,
): Promise<readonly Word[]> {
  const { id, state, work } = row;
  const isPlanned = state === "planned";
  if (!isPlanned && (isStartGiven || planned.work !== work)) throw underWay(row);
  const { startsAt, noticeSeconds } = isPlanned ? planned : row;
  await sql.query(
    `update maintenance set work = $2, reason = $3, starts_at = $4, notice_seconds = $5, deadline = $6,
       ends_at = $7 where id = $1`,
    [
      ...[id, planned.work, reason, moment(startsAt), noticeSeconds],
      ...[moment(planned.deadline), moment(planned.endsAt)],
    ],
  );
  // What was scheduled for a plan that is another now is scheduled again; what is under way is hurried at most.
  if (isPlanned) {
    const ended = await sql.query<EndedEvent>(
      `update scheduled_event set state = 'canceled', ended_at = $2, outcome = 'It was planned anew.'
       where maintenance_id = $1 and state = 'active'
       returning id, instance_id as instance, code, state, outcome as says`,
      [id, iso(now)],
    );
    return ended.map(endOf);
  }
  const moved = await sql.query<MovedRow>(
    `update scheduled_event e set deadline = d.deadline, not_before = d.not_before, not_after = d.not_after
     from (select o.id, o.not_before as was, case when code = 'system-maintenance' then null else $2::timestamptz end as deadline,
         least(not_before, case when $2::timestamptz is not null then greatest($2, $4) end) as not_before,
         case when code = 'system-maintenance' then $3::timestamptz end as not_after
       from scheduled_event o where maintenance_id = $1 and state = 'active' and begun_at is null for update) d
     where e.id = d.id and (e.deadline, e.not_before, e.not_after) is distinct from (d.deadline, d.not_before, d.not_after)
     returning e.id, e.instance_id as instance, e.code, d.was as "from", e.not_before as "to", e.deadline`,
    [id, moment(planned.deadline), moment(planned.endsAt), iso(now)],
  );
  return moved.map(({ id: event, instance, ...detail }) => ({
    ...{ kind: "instance", subject: instance, event: "eventMoved", detail: { event, ...detail } },
  }));
}

interface MovedRow {
  readonly id: string;
  readonly instance: InstanceId;
  readonly code: string;
  readonly from: Instant;
  readonly to: Instant;
  readonly deadline: Instant | null;
}

const moment = (at: number | null) => (at === null ? null : new Date(at));

const underWay = ({ hostName, state }: WorkRow) =>
  problem("conflict", "maintenance_under_way", `The work on ${hostName} is under way: ${state}.`, {
    fix: `Change its deadline or its reason only, or give the host back first: holdfast maintenance end ${hostName}`,
  });
