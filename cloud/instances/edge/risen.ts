/**
 * Guests that have said that they are up, where that is all that there is to say: it is written down at once, and
 * nobody's world is loaded for it.
 *
 * No decision about an instance rests on what its own guest does, so there is nothing to judge; only those who
 * wait for it are looked at. Every deploy ends with this word, and to load and judge its world was a third of what a
 * deploy cost. Whatever else is going on with an instance, its report goes the way of all others.
 */
import type { DiskReport } from "@holdfast/cloud/hosts";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { HostReport } from "./pass.ts";

export interface Risen {
  /** These are written, and need nothing more. */
  readonly written: ReadonlySet<HostReport>;
  /** Those of them whose disks are not, or not all, as they are known to be. */
  readonly odd: readonly HostReport[];
}

export async function writeRisen(
  sql: Sql,
  reports: readonly HostReport[],
  now: Instant,
): Promise<Risen> {
  const candidates = plain(reports);
  if (candidates.size === 0) return { written: new Set(), odd: [] };
  const told = [...candidates.values()];
  const rows = await sql.query<{ id: InstanceId; fits: boolean }>(
    // Held as everywhere: whoever has an instance in hand is the only one to write of it.
    `with held as materialized (
       select i.id, d.generation, d.host, d.epoch, d.reboots, ${fitting} as fits
       from unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::int[], $6::uuid[], $7::bigint[])
           d (id, generation, host, epoch, reboots, volume, bytes)
         join instance i on i.id = d.id and i.generation = d.generation and i.home = d.host
           and i.state = 'running' and i.op is null and i.job_id is null
         join volume v on v.id = i.volume_id
       order by i.id for update of i)
     update incarnation c set guest = 'up', up_at = coalesce(c.up_at, $8::timestamptz) from held
     where c.instance_id = held.id and c.generation = held.generation and c.host_id = held.host
       and c.host_epoch = held.epoch and c.phase = 'running' and c.reboots = held.reboots
     returning held.id, held.fits`,
    [
      told.map(({ report }) => report.instance),
      told.map(({ report }) => report.generation),
      told.map(({ host }) => host),
      told.map(({ epoch }) => epoch),
      told.map(({ report }) => report.reboots),
      told.map(({ report }) => onlyDisk(report.disks)?.volume ?? null),
      told.map(({ report }) => onlyDisk(report.disks)?.bytes ?? null),
      iso(now),
    ],
  );
  const found = rows.flatMap(({ id, fits }) => {
    const report = candidates.get(id);
    return report ? [{ report, fits }] : [];
  });
  return {
    written: new Set(found.map(({ report }) => report)),
    odd: found.flatMap(({ report, fits }) => (report.report.disks && !fits ? [report] : [])),
  };
}

/** What is said here of the disks is known: there is the root volume `v` and no other, and nothing is wrong with it. */
const fitting = `coalesce(v.id = d.volume and v.actual_bytes = d.bytes and v.problem is null
  and not exists (select from attachment a where a.instance_id = i.id), false)`;

/** A disk that is attached and all that there is. */
export function onlyDisk(
  disks: readonly DiskReport[] | undefined,
): { readonly volume: VolumeId; readonly bytes: number } | undefined {
  const [disk, ...more] = disks ?? [];
  return disk && more.length === 0 && disk.is === "attached" && !disk.problem ? disk : undefined;
}

/** Of an instance that is spoken of twice, the order of the words matters. */
function plain(reports: readonly HostReport[]): ReadonlyMap<InstanceId, HostReport> {
  const found = new Map<InstanceId, HostReport>();
  const spokenOf = new Set<InstanceId>();
  for (const item of reports) {
    const { instance, phase, guest, relay } = item.report;
    if (spokenOf.has(instance)) found.delete(instance);
    else if (phase === "running" && guest === "up" && relay === undefined)
      found.set(instance, item);
    spokenOf.add(instance);
  }
  return found;
}
