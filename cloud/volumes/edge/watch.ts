/**
 * What a manager does about volumes all the time: rounds over all of them, and what the hosts that are connected
 * here should be doing.
 *
 * Nothing is lost with a manager: each asks every second whether anything is due, and hosts are told whole lists.
 */
import type { Checkup, MachineReport, StorageResult, StorageTask } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { inBatches } from "@holdfast/store/reads";
import { type Turns, turns } from "@holdfast/store/turns";
import { recordDisks, type Saying, saysOfDisks } from "./attachments.ts";
import { recordResults } from "./results.ts";
import { isAnythingDue, type RoundDeps, round } from "./round.ts";
import { tasksOf } from "./tasks.ts";

export interface VolumeWatchDeps extends RoundDeps {
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  readonly tell: (host: HostId, tasks: readonly StorageTask[], place: string | null) => void;
  /** The directory for backups; empty: there is none. */
  readonly place: () => string;
  /** These are due for a look, and the wishes of these hosts are newer. */
  readonly onChanged: (instances: readonly InstanceId[], hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface VolumeWatch extends Turns {
  /** A second has passed: another look if anything is due, or if the last one is long ago. */
  tick(): Promise<void>;
  /** A host has connected and is welcome. */
  arrived(host: HostId): void;
  /** What came of tasks. Resolves with those that are in the database. */
  ended(host: HostId, results: readonly StorageResult[]): Promise<readonly string[]>;
  /** What a host says of its machines: among other things, their disks. */
  heard(host: HostId, epoch: number, machines: readonly MachineReport[]): Promise<void>;
  /** How full its pools are. Nothing waits for it: another one follows. */
  measured(host: HostId, storage: Checkup["storage"]): void;
}

export function volumeWatch(deps: VolumeWatchDeps): VolumeWatch {
  const { database, now, onError, onChanged } = deps;
  const arrivals = new Set<HostId>();
  /** Those that were last told of something to do. */
  let busy: ReadonlySet<HostId> = new Set();
  let lastRound = 0;
  let place: string | undefined;
  let isRoundWanted = false;
  const { changed: again, close } = turns(async () => {
    if (isRoundWanted) {
      isRoundWanted = false;
      lastRound = now();
      await round(deps).catch((error: unknown) => {
        isRoundWanted = true;
        throw error;
      });
    }
    await tell(deps.hosts());
  }, onError);
  const changed = () => {
    isRoundWanted = true;
    again();
  };

  const record = inBatches(async (said: readonly Saying[]) => {
    if (await recordDisks(database, said, now())) changed();
  });

  return {
    changed,
    close,
    async tick() {
      const isLong = now() - lastRound > atLeastEvery;
      if (isLong || place !== deps.place() || (await isAnythingDue(database, now()))) changed();
    },
    arrived(host) {
      arrivals.add(host);
      again();
    },
    async ended(host, results) {
      const { ids, isChanged, hosts, instances } = await recordResults(deps, host, results);
      if (isChanged) {
        onChanged(instances, hosts);
        changed();
      }
      return ids;
    },
    async heard(host, epoch, machines) {
      if (machines.some(saysOfDisks)) await record({ host, epoch, machines });
    },
    measured(host, storage) {
      note(database, host, storage, now()).catch(onError);
    },
  };

  /** Only those that have something to do, had it before, or know nothing yet: the others would be told the same. */
  async function tell(hosts: readonly HostId[]): Promise<void> {
    if (hosts.length === 0) return;
    const tasks = await tasksOf(database, hosts);
    const isOther = place !== deps.place();
    place = deps.place();
    for (const host of hosts)
      if (isOther || tasks.has(host) || busy.has(host) || arrivals.has(host))
        deps.tell(host, tasks.get(host) ?? [], place || null);
    busy = new Set(tasks.keys());
    for (const host of hosts) arrivals.delete(host);
  }
}

/** What is due by the clock alone, such as checks of volumes that nobody uses, waits so long at most; milliseconds. */
const atLeastEvery = 30_000;

/** Written when it is something else by a hundredth of the pool, or a minute old. */
async function note(
  database: Database,
  host: HostId,
  storage: Checkup["storage"],
  now: Instant,
): Promise<void> {
  const rows = storage.flatMap(({ pool, totalBytes, freeBytes }) =>
    totalBytes !== undefined && freeBytes !== undefined
      ? [{ pool, total: Math.round(totalBytes), free: Math.round(freeBytes) }]
      : [],
  );
  if (rows.length === 0) return;
  await database.query(
    `insert into pool_room as r (host_id, pool, total_bytes, free_bytes, heard_at)
     select $1, d.pool, d.total, d.free, $3::timestamptz from json_to_recordset($2::json) d (pool text, total bigint, free bigint)
     on conflict (host_id, pool) do update set total_bytes = excluded.total_bytes, free_bytes = excluded.free_bytes,
       heard_at = excluded.heard_at
     where r.total_bytes <> excluded.total_bytes or abs(r.free_bytes - excluded.free_bytes) > r.total_bytes / 100
       or r.heard_at < excluded.heard_at - interval '1 minute'`,
    [host, JSON.stringify(rows), iso(now)],
  );
}
