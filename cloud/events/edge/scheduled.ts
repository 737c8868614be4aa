/** Scheduled events as rows: scheduled, withdrawn, moved, and shown to their owners. */
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { ScheduledEventView } from "../api.ts";
import { type EventCode, meanings } from "../core/model.ts";
import { refuseReschedule } from "../core/reschedule.ts";
import type { EndedEvent } from "./end-work.ts";

export interface NewEvent {
  readonly id: string;
  readonly instance: InstanceId;
  readonly maintenance: string | undefined;
  readonly code: EventCode;
  readonly says: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant | undefined;
  readonly deadline: Instant | undefined;
  readonly createdAt: Instant;
}

/** False, and no row: it is nowhere, or has one of this work already. */
export async function insertEvent(sql: Sql, event: NewEvent): Promise<boolean> {
  const rows = await sql.query(
    `insert into scheduled_event (id, instance_id, maintenance_id, code, says, not_before, not_after,
       deadline, host_id, generation, reboots, created_at)
     select $1, i.id, $3, $4, $5, $6, $7, $8, i.home, i.generation, coalesce(c.reboots, 0), $9
     from instance i left join incarnation c on c.instance_id = i.id and c.generation = i.generation
     where i.id = $2 and i.home is not null
     on conflict do nothing returning id`,
    [
      ...[event.id, event.instance, event.maintenance ?? null, event.code, event.says],
      ...[event.notBefore, event.notAfter, event.deadline, event.createdAt].map((at) =>
        at === undefined ? null : iso(at),
      ),
    ],
  );
  return rows.length > 0;
}

export async function withdrawEvent(
  sql: Sql,
  { maintenance, instance }: { readonly maintenance: string; readonly instance: InstanceId },
  says: string,
  now: Instant,
): Promise<readonly EndedEvent[]> {
  return sql.query<EndedEvent>(
    `update scheduled_event set state = 'canceled', ended_at = $4, outcome = $3
     where maintenance_id = $1 and instance_id = $2 and state = 'active' and begun_at is null
     returning id, instance_id as instance, code, state, outcome as says`,
    [maintenance, instance, says, iso(now)],
  );
}

const select = (
  from = "scheduled_event e",
) => `select e.id, i.name as instance, p.name as project, e.code, e.says, e.not_before as "notBefore",
    e.not_after as "notAfter", e.deadline, e.state, e.begun_at as "begunAt", e.ended_at as "endedAt",
    e.outcome, e.created_at as "createdAt"
  from ${from} join instance i on i.id = e.instance_id join project p on p.id = i.project_id`;

const shown = (row: Omit<ScheduledEventView, "clearedBy">): ScheduledEventView => ({
  ...row,
  clearedBy: row.state === "active" ? [...meanings[row.code].clearedBy] : [],
});

/** In the order in which they were made. `all`: also what was over within the last week. Rejects with `cursor_not_valid`. */
export async function pageOfEvents(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly instance?: string | undefined; readonly all: boolean },
): Promise<{ events: ScheduledEventView[]; next: string | null }> {
  const { items, next } = await readPage<ScheduledEventView>(
    sql,
    {
      name: `events ${project}`,
      from: "scheduled_event e join instance i on i.id = e.instance_id",
      where: [
        ["i.project_id = ?", project],
        ["(i.name = ? or i.id = as_uuid(?))", page.instance],
        [page.all ? `(${active} or e.ended_at > now() - interval '7 days')` : active],
      ],
      show: select,
    },
    page,
  );
  return { events: items.map(shown), next };
}
const active = "e.state = 'active'";

/** Rejects with `event_not_found`. */
export async function findEventView(
  sql: Sql,
  project: ProjectId | undefined,
  id: string,
): Promise<ScheduledEventView> {
  const [row] = await sql.query<ScheduledEventView>(
    `${select()} where ($1::uuid is null or i.project_id = $1) and e.id = as_uuid($2)`,
    [project ?? null, id],
  );
  if (row) return shown(row);
  throw eventNotFound(id);
}

export interface MovedEvent {
  readonly view: ScheduledEventView;
  readonly instance: InstanceId;
  readonly from: Instant;
}

/** Rejects with `event_not_found`, and with why it may not be moved. */
export async function moveEvent(
  sql: Sql,
  project: ProjectId,
  id: string,
  to: Instant,
  now: Instant,
): Promise<MovedEvent> {
  const { id: known, instance, code, state, ...held } = await holdEvent(sql, project, id);
  const { notBefore, deadline, begunAt } = held;
  const event = { id: known, instance, code, state, notAfter: undefined };
  const refused = refuseReschedule(
    { ...event, notBefore: begunAt ?? notBefore, deadline: deadline ?? undefined },
    to,
    now,
  );
  if (refused) throw refused;
  await sql.query("update scheduled_event set not_before = $2 where id = $1", [known, iso(to)]);
  return { view: await findEventView(sql, project, known), instance, from: notBefore };
}

/** Rejects with `event_not_found`, and with why it cannot be called off. */
export async function cancelEvent(
  sql: Sql,
  id: string,
  now: Instant,
): Promise<{ readonly view: ScheduledEventView; readonly ended: EndedEvent }> {
  const { id: known, instance, code, state, begunAt, host } = await holdEvent(sql, undefined, id);
  if (state !== "active")
    throw problem("conflict", "event_over", `The event ${id} is ${state}.`, {
      fix: "There is nothing left to call off.",
    });
  if (host !== null)
    throw problem("conflict", "event_of_maintenance", `It is a part of the work on ${host}.`, {
      fix: `Call that off: holdfast maintenance end ${host}`,
    });
  if (begunAt !== null)
    throw problem("conflict", "event_begun", `The event ${id} has begun.`, {
      fix: "It cannot be called off any more.",
    });
  const says = "It was called off.";
  await sql.query(
    "update scheduled_event set state = 'canceled', ended_at = $2, outcome = $3 where id = $1",
    [known, iso(now), says],
  );
  const ended = { id: known, instance, code, state: "canceled", says } as const;
  return { view: await findEventView(sql, undefined, known), ended };
}

interface HeldEvent extends Pick<ScheduledEventView, "id" | "code" | "state"> {
  readonly instance: InstanceId;
  readonly begunAt: Instant | null;
  readonly notBefore: Instant;
  readonly deadline: Instant | null;
  /** The name of the host whose work it is a part of. */
  readonly host: string | null;
}

/** It stays as it is for the rest of the transaction. Rejects with `event_not_found`. */
async function holdEvent(sql: Sql, project: ProjectId | undefined, id: string): Promise<HeldEvent> {
  const [held] = await sql.query<HeldEvent>(
    `select e.id, e.instance_id as instance, e.code, e.begun_at as "begunAt", e.not_before as "notBefore",
       e.deadline, e.state, (select h.name from maintenance m join host h on h.id = m.host_id
         where m.id = e.maintenance_id) as host
     from scheduled_event e join instance i on i.id = e.instance_id
     where ($1::uuid is null or i.project_id = $1) and e.id = as_uuid($2) for update of e`,
    [project ?? null, id],
  );
  if (held) return held;
  throw eventNotFound(id);
}

const eventNotFound = (id: string) =>
  problem("not_found", "event_not_found", `There is no event ${id}.`, {
    fix: "See them: holdfast events list --all",
  });
