/** Scheduled events that are not over: looked at all together, and carried out by giving errands. */
import { type GivenErrand, giveErrands, takeBackErrands } from "@holdfast/cloud/instances/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { JournalRow } from "@holdfast/store/journal";
import { type EventStep, type OpenEvent, stepOf } from "../core/due.ts";

interface Decided {
  readonly event: OpenEvent;
  readonly step: EventStep;
}

/** Resolves with the instances that something was done about, and the rows of the journal that say so. */
export async function carryOutEvents(
  sql: Sql,
  held: ReadonlySet<InstanceId>,
  now: Instant,
): Promise<{ readonly instances: readonly InstanceId[]; readonly journal: readonly JournalRow[] }> {
  const decided = (await readOpen(sql, held)).flatMap((event): Decided[] => {
    const step = stepOf(event, now);
    return step ? [{ event, step }] : [];
  });
  if (decided.length === 0) return { instances: [], journal: [] };
  await giveErrands(sql, decided.flatMap(errandFor), now); // Instances are locked first, as everywhere.
  const rebooted = decided.filter(
    ({ event, step }) => step.do !== "begin" && event.code === "instance-reboot",
  );
  await takeBackErrands(
    sql,
    rebooted.map(({ event }) => event.instance),
    now,
  );
  await write(sql, decided, now);
  return {
    instances: decided.map(({ event }) => event.instance),
    journal: decided.map(({ event: { id, instance, code }, step }) => ({
      ...{ at: now, kind: "instance" as const, subject: instance, actor: "holdfast" },
      event: names[step.do],
      detail: { event: id, code, ...(step.do === "begin" ? {} : { says: step.says }) },
    })),
  };
}

const names = {
  begin: "eventBegun",
  complete: "eventCompleted",
  cancel: "eventCanceled",
} as const satisfies Record<EventStep["do"], string>;

function errandFor({ event: { instance, now }, step }: Decided): GivenErrand[] {
  if (step.do !== "begin" || !step.errand) return [];
  const { generation, reboots } = now;
  return [{ instance, generation, reboots, does: step.errand }];
}

interface Row extends Omit<OpenEvent, "state" | "notAfter" | "deadline" | "begunAt" | "now"> {
  readonly notAfter: Instant | null;
  readonly deadline: Instant | null;
  readonly begunAt: Instant | null;
  readonly maintenance: NonNullable<OpenEvent["maintenance"]>;
  readonly now: OpenEvent["now"];
}

async function readOpen(sql: Sql, held: ReadonlySet<InstanceId>): Promise<readonly OpenEvent[]> {
  const rows = await sql.query<Row>(
    `select e.id, e.instance_id as instance, e.code, e.not_before as "notBefore",
       e.not_after as "notAfter", e.deadline, e.host_id as host, e.generation, e.reboots,
       e.begun_at as "begunAt", m.state as maintenance,
       json_build_object('state', i.state, 'desired', i.desired, 'home', i.home,
         'generation', i.generation, 'reboots', coalesce(c.reboots, 0)) as now
     from scheduled_event e join instance i on i.id = e.instance_id
       left join maintenance m on m.id = e.maintenance_id
       left join incarnation c on c.instance_id = i.id and c.generation = i.generation
     where e.state = 'active' order by e.id`,
  );
  return rows.map((row) => ({
    ...row,
    state: "active",
    notAfter: row.notAfter ?? undefined,
    deadline: row.deadline ?? undefined,
    begunAt: row.begunAt ?? undefined,
    maintenance: row.maintenance ?? undefined,
    isHeld: held.has(row.instance) && row.maintenance !== null,
    now: { ...row.now, home: row.now.home ?? undefined },
  }));
}

async function write(sql: Sql, decided: readonly Decided[], now: Instant): Promise<void> {
  const begun = decided.filter(({ step }) => step.do === "begin").map(({ event }) => event.id);
  if (begun.length > 0)
    await sql.query("update scheduled_event set begun_at = $2 where id = any($1)", [
      begun,
      iso(now),
    ]);
  const over = decided.flatMap(({ event: { id }, step }) =>
    step.do === "begin"
      ? []
      : [{ id, state: step.do === "complete" ? "completed" : "canceled", says: step.says }],
  );
  if (over.length > 0)
    await sql.query(
      `update scheduled_event e set ended_at = $4, outcome = d.says, state = d.state
       from unnest($1::uuid[], $2::text[], $3::text[]) d (id, state, says) where e.id = d.id`,
      [
        over.map(({ id }) => id),
        over.map(({ state }) => state),
        over.map(({ says }) => says),
        iso(now),
      ],
    );
}
