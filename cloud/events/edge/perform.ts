/** Writes down what was decided about the work on one host. Part of the round's transaction. */
import type { HostMode } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, MintId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Sql } from "@holdfast/store/database";
import type { JournalRow } from "@holdfast/store/journal";
import type { Step } from "../core/advance.ts";
import { endOf, endWork } from "./end-work.ts";
import { insertEvent, withdrawEvent } from "./scheduled.ts";
import type { WorkRow } from "./worksites.ts";

/** To be given after the commit. */
export interface OrderedMove {
  readonly maintenance: string;
  readonly instance: InstanceId;
  readonly to: string | undefined;
  readonly why: string;
}

export interface Performed {
  readonly instances: readonly InstanceId[];
  readonly journal: readonly JournalRow[];
  readonly moves: readonly OrderedMove[];
  readonly isModeChanged: boolean;
}

export async function perform(
  sql: Sql,
  mintId: MintId,
  row: WorkRow,
  steps: readonly Step[],
  now: Instant,
): Promise<Performed> {
  const instances: InstanceId[] = [];
  const journal: JournalRow[] = [];
  const moves: OrderedMove[] = [];
  const tell = (subject: Pick<JournalRow, "kind" | "subject">, more: Partial<JournalRow>) =>
    journal.push({ ...{ at: now, event: "maintenance", actor: "holdfast" }, ...subject, ...more });
  const host = { kind: "host", subject: row.host } as const;
  for (const step of steps)
    switch (step.do) {
      case "schedule": {
        const event = eventOf(mintId, row, step, now);
        await insertEvent(sql, event);
        instances.push(step.instance);
        const { id, code, notBefore, says } = event;
        const detail = { event: id, code, notBefore, says };
        tell({ kind: "instance", subject: step.instance }, { event: "eventScheduled", detail });
        break;
      }
      case "withdraw": {
        const { instance, says } = step;
        const ended = await withdrawEvent(sql, { maintenance: row.id, instance }, says, now);
        instances.push(instance);
        for (const word of ended.map(endOf)) tell(word, word);
        break;
      }
      case "move": {
        const { instance, to } = step;
        await claimMove(sql, row.id, instance, now);
        const why = `${row.hostName} is emptied: ${row.reason}`;
        moves.push({ maintenance: row.id, instance, to, why });
        break;
      }
      case "obstacles":
        await sql.query("update maintenance set obstacles = $2 where id = $1", [
          row.id,
          JSON.stringify(step.obstacles),
        ]);
        break;
      case "set-mode":
        await setMode(sql, row.host, step.mode);
        tell(host, { event: "changed", detail: { mode: step.mode, says: row.reason } });
        break;
      case "become":
        if (step.state === "ended") {
          const ended = await endWork(sql, row, now);
          instances.push(...ended.instances);
          for (const word of ended.journal) tell(word, word);
        } else
          await sql.query("update maintenance set state = $2, since = $3 where id = $1", [
            ...[row.id, step.state, iso(now)],
          ]);
        tell(host, { from: row.state, to: step.state });
        break;
      default:
        unreachable(step);
    }
  return { instances, journal, moves, isModeChanged: steps.some((one) => one.do === "set-mode") };
}

/** What is merely interrupted happens when it was said; what is ended may be put off by its owner. */
function eventOf(
  mintId: MintId,
  { id, work, endsAt, deadline }: WorkRow,
  { instance, code, says, notBefore }: Extract<Step, { do: "schedule" }>,
  now: Instant,
) {
  const isFixed = work === "interrupt";
  return {
    ...{ id: mintId<"Event">(), maintenance: id, instance, code, says, notBefore },
    notAfter: isFixed ? (endsAt ?? undefined) : undefined,
    deadline: isFixed ? undefined : (deadline ?? undefined),
    createdAt: now,
  };
}

export async function setMode(sql: Sql, host: HostId, mode: HostMode): Promise<void> {
  await sql.query("update host set mode = $2 where id = $1", [host, mode]);
}

/** Whoever has claimed it orders it; if nothing comes of that, it may be claimed again in a while. */
async function claimMove(sql: Sql, work: string, instance: InstanceId, now: Instant) {
  await sql.query(
    `insert into maintenance_move as a (maintenance_id, instance_id, attempts, tried_at, says)
     values ($1, $2, 1, $3, 'nothing came of it')
     on conflict (maintenance_id, instance_id) do update set attempts = a.attempts + 1,
       tried_at = excluded.tried_at`,
    [work, instance, iso(now)],
  );
}
