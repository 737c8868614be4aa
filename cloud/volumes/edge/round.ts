/**
 * One look at all volumes: what is due is begun, what nobody needs goes, what can be done is given to a host.
 *
 * Level-triggered and the same for every manager. One at a time does it; the others need not wait, because it
 * would find nothing left to do.
 */
import type { HostId, MintId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { announce } from "@holdfast/store/news";
import { takeTurn } from "@holdfast/store/turns";
import { beginMaking, detachIdle, findUnmade } from "./attachments.ts";
import { failOverdue } from "./results.ts";
import { beginDue, thinOut } from "./schedules.ts";
import { assignTasks, insertTasks } from "./tasks.ts";

export interface RoundDeps {
  readonly database: Database;
  readonly now: () => Instant;
  readonly mintId: MintId;
  readonly self: string;
  /** How often each volume is looked at, in hours; 0: never. */
  readonly checkInterval: () => number;
}

/** Whether a round would find anything that is due: cheap, to be asked every second. */
export async function isAnythingDue(database: Database, now: Instant): Promise<boolean> {
  const [found] = await database.query<{ isAny: boolean }>(
    `select exists (select from storage_task)
       or exists (select from backup_schedule where next_at <= $1)
       or exists (select from attachment where leaving is not null)
       or exists (select from volume v join attachment a on a.volume_id = v.id join instance i on i.id = a.instance_id
         where v.state = 'allocated' and v.kind = 'data' and i.home is not null) as "isAny"`,
    [iso(now)],
  );
  return found?.isAny === true;
}

/** Resolves with the hosts that have more to do now. */
export async function round({
  database,
  now: readNow,
  mintId,
  self,
  checkInterval,
}: RoundDeps): Promise<readonly HostId[]> {
  return database.transaction(async (sql) => {
    if (!(await takeTurn(sql, "volumes"))) return [];
    const now = readNow();
    await failOverdue(sql, now);
    await detachIdle(sql, now);
    await makeUnmade(sql, now);
    await beginDue(sql, mintId, now);
    await thinOut(sql, now);
    await beginChecks(sql, checkInterval(), now);
    const hosts = await assignTasks(sql, now);
    if (hosts.length > 0) await announce(sql, { from: self, volumes: true });
    return hosts;
  });
}

/** A data volume on a host's own disks is made where its instance has come to run. */
async function makeUnmade(sql: Sql, now: Instant): Promise<void> {
  const unmade = await findUnmade(sql);
  if (unmade.length === 0) return;
  const begun = await beginMaking(sql, unmade);
  const tasks = unmade.filter(({ volume }) => begun.includes(volume));
  await insertTasks(
    sql,
    tasks.map(({ volume, bytes }) => ({ do: "make", volume, detail: { bytes } })),
    { now, actor: "holdfast" },
  );
}

/** A few at a time: they read, and guests read as well. */
const checksAtOnce = 2;

async function beginChecks(sql: Sql, hours: number, now: Instant): Promise<void> {
  if (hours === 0) return;
  const before = iso((now - hours * 3_600_000) as Instant); // An instant and a length of time.
  const due = await sql.query<{ id: string }>(
    `select v.id from volume v join host h on h.id = v.host_id and h.state = 'up'
     where v.state = 'ready' and v.kind <> 'ephemeral' and coalesce(v.checked_at, v.created_at) < $1
       and not exists (select from storage_task t where t.volume_id = v.id)
     order by coalesce(v.checked_at, v.created_at), v.id
     limit greatest(0, ${checksAtOnce} - (select count(*) from storage_task where "do" = 'check'))`,
    [before],
  );
  await insertTasks(
    sql,
    due.map(({ id }) => ({ do: "check", volume: id as never, detail: {} })), // A column's type.
    { now, actor: "holdfast" },
  );
}
