/** The end of work on a host, whoever wants it and however far it got: everything is given back. */
import { giveErrands, takeBackErrands } from "@holdfast/cloud/instances/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { after, type Instant, iso, seconds } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { JournalRow } from "@holdfast/store/journal";

/** So long what was ended to be rebooted with its host starts nowhere else. */
const returnPatience = seconds(60);

/** What an instance is told of itself: its guest hears of it because the journal says so. */
export type Word = Pick<JournalRow, "kind" | "subject" | "event" | "detail">;

export interface EndedWork {
  /** This is something to them. */
  readonly instances: readonly InstanceId[];
  readonly journal: readonly Word[];
}

/** The mode of the host is the caller's business, and so is writing down what is to be said. */
export async function endWork(
  sql: Sql,
  { id, host }: { readonly id: string; readonly host: HostId },
  now: Instant,
): Promise<EndedWork> {
  const rows = await sql.query<{ id: InstanceId; generation: number; does: string; state: string }>(
    `select i.id, i.generation, e.does, i.state
     from errand e join instance i on i.id = e.instance_id and i.generation = e.generation
     where i.last_host = $1 and e.does in ('leave', 'pause') order by i.id`,
    [host],
  );
  // What is being ended is ended, and comes up again by itself.
  const isBegun = ({ state }: { readonly state: string }) =>
    state !== "running" && state !== "starting";
  await takeBackErrands(
    sql,
    rows.filter((row) => !isBegun(row)).map((row) => row.id),
    now,
  );
  await giveErrands(
    sql,
    rows
      .filter((row) => isBegun(row) && row.does === "pause")
      .map((row) => ({
        ...{ instance: row.id, generation: row.generation, reboots: 0 },
        does: "return" as const,
        until: after(now, returnPatience),
      })),
    now,
  );
  const events = await sql.query<EndedEvent>(
    `update scheduled_event set ended_at = $2,
       state = case when begun_at is null then 'canceled' else 'completed' end,
       outcome = case when begun_at is null then 'The work on its host was called off.'
         else 'The work on its host is over.' end
     where maintenance_id = $1 and state = 'active' returning id, instance_id as instance, code, state, outcome as says`,
    [id, iso(now)],
  );
  await sql.query("delete from maintenance_move where maintenance_id = $1", [id]);
  await sql.query(
    "update maintenance set state = 'ended', since = $2, obstacles = '[]' where id = $1",
    [id, iso(now)],
  );
  return {
    instances: [...rows.map((row) => row.id), ...events.map(({ instance }) => instance)],
    journal: events.map(endOf),
  };
}

/** The row of an event that is over. */
export interface EndedEvent {
  readonly id: string;
  readonly instance: InstanceId;
  readonly code: string;
  readonly state: "canceled" | "completed";
  readonly says: string;
}

export const endOf = ({ id, instance, code, state, says }: EndedEvent): Word => ({
  ...{ kind: "instance", subject: instance },
  event: state === "canceled" ? "eventCanceled" : "eventCompleted",
  detail: { event: id, code, says },
});
