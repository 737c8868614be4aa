/**
 * Machines that are said to do what was asked of them, where that is all that there is to say: one that starts runs, or
 * the guest of one that runs is up. It is written down at once, by one statement, and nobody's world is loaded for it.
 *
 * There is nothing to judge: where no word of a person, no move, no errand and no doubt about its host is in between, the
 * table of a life has one way to go from there (a test holds this to what a pass would have written). Every start
 * ends with these words, and to load and judge its world a second time was a third of what it cost. Whatever else is
 * going on with an instance, its report goes the way of all others.
 */
import type { DiskReport, Seen } from "@holdfast/cloud/hosts";
import type { Outcome } from "@holdfast/cloud/jobs/edge";
import type { HostId, InstanceId, JobId, VolumeId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { isOpen } from "./migration-rows.ts";
import type { HostReport } from "./work.ts";

export interface Plain {
  /** These are written, and need nothing more. */
  readonly written: ReadonlySet<HostReport>;
  /** Those of them whose disks are not, or not all, as they are known to be. */
  readonly odd: readonly HostReport[];
  /** Those of them whose guests are up. */
  readonly up: readonly InstanceId[];
  /** What has begun to run, for the hosts that have said so. */
  readonly seen: ReadonlyMap<HostId, readonly Seen[]>;
  readonly outcomes: readonly Outcome[];
}

interface Row {
  readonly id: InstanceId;
  readonly fits: boolean;
  readonly starts: boolean;
  /** As it was before. */
  readonly version: number;
  readonly job: JobId | null;
}

export async function writePlain(
  sql: Sql,
  reports: readonly HostReport[],
  now: Instant,
): Promise<Plain> {
  const candidates = plain(reports);
  const told = [...candidates.values()];
  const rows =
    told.length === 0
      ? []
      : await sql.query<Row>(statement, [
          told.map(({ report }) => report.instance),
          told.map(({ report }) => report.generation),
          told.map(({ host }) => host),
          told.map(({ epoch }) => epoch),
          told.map(({ report }) => report.guest),
          told.map(({ report }) => report.reboots),
          told.map(({ report }) => (report.begun ? JSON.stringify(report.begun) : null)),
          told.map(({ report }) => onlyDisk(report.disks)?.volume ?? null),
          told.map(({ report }) => onlyDisk(report.disks)?.bytes ?? null),
          iso(now),
        ]);
  const found = rows.flatMap((row) => {
    const item = candidates.get(row.id);
    return item ? [{ ...row, item }] : [];
  });
  const seen = new Map<HostId, Seen[]>();
  for (const { id, starts, version, item } of found) {
    if (!starts) continue;
    const of = seen.get(item.host) ?? [];
    of.push({ instance: id, generation: item.report.generation, version: version + 1 });
    seen.set(item.host, of);
  }
  return {
    written: new Set(found.map(({ item }) => item)),
    odd: found.flatMap(({ item, fits }) => (item.report.disks && !fits ? [item] : [])),
    up: found.flatMap(({ id, item }) => (item.report.guest === "up" ? [id] : [])),
    seen,
    outcomes: found.flatMap(({ starts, job }) =>
      starts && job ? [{ job, outcome: "succeeded" as const }] : [],
    ),
  };
}

/** What is said here of the disks is known: there is the root volume `v` and no other, and nothing is wrong with it. */
const fitting = `coalesce(v.id = d.volume and v.actual_bytes = d.bytes and v.problem is null
  and not exists (select from attachment a where a.instance_id = i.id), false)`;

/** Its guest boots, and nobody has said anything else of it since. */
const runs = "i.state = 'running' and i.op is null and i.job_id is null and d.guest = 'up'";

/**
 * It was asked to start, for nobody or for somebody who wanted just that, and its root volume is there. The next look at
 * it is the one that its deadline asked for: any other is somebody's who has to be heard, about its host say.
 */
const starts = `i.state = 'starting' and i.desired = 'running' and v.state <> 'creating' and v.host_id is not null
  and not exists (select from attachment a where a.instance_id = i.id)
  and (i.job_id is null or i.job_kind in ('run', 'start', 'relaunch'))
  and extract(epoch from i.look_at) * 1000 = (i.op->>'deadline')::numeric
  and exists (select from host h where h.id = d.host and h.epoch = d.epoch and h.state = 'up')
  and not exists (select from fence_certificate f where f.host_id = d.host and f.epoch = d.epoch)
  and not exists (select from errand e where e.instance_id = i.id)
  and not exists (select from migration g where g.instance_id = i.id and g.${isOpen})`;

// Held as everywhere: whoever has an instance in hand is the only one to write of it. What is read of its host is as old as
// the statement, which may have waited. A host that was fenced meanwhile has asked for a look, and the row is another then; but
// not where one was due already. So whether it is due is asked once it is held.
const statement = `with held as materialized (
    select i.id, i.version, i.job_id, i.request_id, i.look_at, i.state = 'starting' as starts, ${fitting} as fits,
      d.generation, d.host, d.epoch, d.guest, d.reboots, d.begun
    from unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::int[], $7::jsonb[], $8::uuid[], $9::bigint[])
        d (id, generation, host, epoch, guest, reboots, begun, volume, bytes)
      join instance i on i.id = d.id and i.generation = d.generation and i.home = d.host
      join volume v on v.id = i.volume_id
    where (${runs}) or (${starts})
    order by i.id for update of i),
  seen as (
    update incarnation c set phase = 'running', guest = held.guest, reboots = held.reboots,
      running_at = coalesce(c.running_at, $10::timestamptz), begun = coalesce(c.begun, held.begun),
      up_at = case when held.guest = 'up' then coalesce(c.up_at, $10::timestamptz) else c.up_at end
    from held
    where c.instance_id = held.id and c.generation = held.generation and c.host_id = held.host
      and c.host_epoch = held.epoch
      and case when held.starts then c.phase = 'asked' and held.look_at > clock_timestamp()
        else c.phase = 'running' and c.reboots = held.reboots end
    returning held.*),
  confirmed as (
    update instance i set state = 'running', op = null, job_id = null, job_kind = null, is_forced = false, cause = null,
      avoid_hosts = '{}', look_at = null, version = i.version + 1
    from seen where i.id = seen.id and seen.starts),
  noted as (
    insert into journal (at, kind, subject, event, from_state, to_state, generation, actor, request_id, job_id)
    select $10::timestamptz, 'instance', id, 'bootConfirmed', 'starting', 'running', generation, 'holdfast', request_id, job_id
    from seen where starts order by id)
  select id, fits, starts, version, job_id as job from seen`;

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
    const { instance, phase, guest, relay, exit } = item.report;
    const isWell = guest === "up" || guest === "booting";
    if (spokenOf.has(instance)) found.delete(instance);
    else if (phase === "running" && isWell && relay === undefined && !exit)
      found.set(instance, item);
    spokenOf.add(instance);
  }
  return found;
}
