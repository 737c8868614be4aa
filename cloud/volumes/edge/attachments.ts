/**
 * Which volumes are disks of which instances: with their birth, by request, until they let go.
 *
 * A disk of a guest that may be running is given up in two steps. First no wish names it any more; only when the
 * host says, of that wish or a later one, that the guest does not have it, can somebody else have it.
 */
import type { DiskReport, MachineReport, WishedDisk } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import { byKey, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import type { Disk } from "../core/model.ts";
import type { NewKey } from "./keys.ts";
import { expunge, moveVolumes } from "./states.ts";

/** A disk that an instance is born with, besides its root. */
export interface NewDisk {
  readonly disk: Disk;
  readonly wished: WishedDisk;
  readonly slot: number;
  readonly deleteWithInstance: boolean;
  /** Whether the volume has a row already. */
  readonly isKnown: boolean;
  /** Whether a host may give it to the guest at once. */
  readonly isThere: boolean;
  /** Of a new data volume. */
  readonly name: string | undefined;
  /** Of a new one that is encrypted. */
  readonly key: NewKey | undefined;
}

export interface Bearing {
  readonly instance: InstanceId;
  readonly seed: { readonly project: ProjectId };
  readonly more: readonly NewDisk[];
}

/** Breaks `attachment_pkey` if another instance has one of them by now, `volume_by_name` if a name is taken. */
export async function insertDisks(
  sql: Sql,
  births: readonly Bearing[],
  now: Instant,
): Promise<void> {
  const disks = births.flatMap(({ instance, seed, more }) =>
    more.map((one) => ({ ...one, instance, project: seed.project })),
  );
  if (disks.length === 0) return;
  const made = disks.filter(({ isKnown }) => !isKnown);
  if (made.length > 0)
    await sql.query(
      `insert into volume (id, project_id, name, kind, state, size_bytes, pool, key_id, created_at)
       select *, $7::timestamptz from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $8::text[], $5::bigint[], $6::text[], $9::uuid[])`,
      [
        made.map(({ disk }) => disk.volume),
        made.map(({ project }) => project),
        made.map(({ name }) => name ?? null),
        made.map(({ disk }) => disk.kind),
        made.map(({ wished }) => wished.bytes),
        made.map(({ disk }) => disk.pool),
        iso(now),
        made.map(({ disk }) => disk.state),
        made.map(({ key }) => key?.id ?? null),
      ],
    );
  const attached = await sql.query(
    `insert into attachment (volume_id, instance_id, slot, delete_with_instance, attached_at)
     select d.volume, d.instance, d.slot, d.gone, $5::timestamptz
     from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bool[]) d (volume, instance, slot, gone)
       join volume v on v.id = d.volume and v.state in ('allocated', 'creating', 'ready') returning volume_id`,
    [
      disks.map(({ disk }) => disk.volume),
      disks.map(({ instance }) => instance),
      disks.map(({ slot }) => slot),
      disks.map(({ deleteWithInstance }) => deleteWithInstance),
      iso(now),
    ],
  );
  if (attached.length < disks.length)
    throw problem("not_found", "volume_not_found", "A volume that was asked for is gone.", {
      fix: "See them: holdfast volumes",
    });
  const known = disks.filter(({ isKnown }) => isKnown).map(({ disk }) => disk.volume);
  await keepWithoutSnapshots(sql, known);
}

/** An instance has them from now on, and may write to them: what was made for a snapshot alone stays without it. */
export async function keepWithoutSnapshots(sql: Sql, volumes: readonly VolumeId[]): Promise<void> {
  if (volumes.length === 0) return;
  await sql.query(
    "update volume set goes_with_snapshots = false where id = any($1) and goes_with_snapshots",
    [volumes],
  );
}

/** The instances are expunged: what should go with them goes, and the rest is free. Never their roots. */
export async function releaseDisks(sql: Sql, instances: readonly InstanceId[]): Promise<void> {
  if (instances.length === 0) return;
  const rows = await sql.query<{ id: VolumeId; isGone: boolean }>(
    `delete from attachment a using volume v where a.instance_id = any($1) and v.id = a.volume_id
     returning v.id, a.delete_with_instance or v.kind = 'ephemeral' as "isGone"`,
    [instances],
  );
  await expunge(
    sql,
    rows.filter(({ isGone }) => isGone).map(({ id }) => id),
  );
}

/** A wish of a newer version is told to the hosts of these. Their rows must be locked. Returns the hosts. */
export async function renewWishes(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<readonly HostId[]> {
  if (instances.length === 0) return [];
  const rows = await sql.query<{ home: HostId | null }>(
    "update instance set version = version + 1 where id = any($1) returning home",
    [instances],
  );
  return [...new Set(rows.flatMap(({ home }) => home ?? []))];
}

/** Instances that do not run anywhere have nothing open: what was to be detached is. */
export async function detachIdle(sql: Sql, now: Instant): Promise<boolean> {
  const waiting = await sql.query<{ instance: InstanceId }>(
    `select a.instance_id as instance from attachment a join instance i on i.id = a.instance_id
     where a.leaving is not null and i.home is null`,
  );
  if (waiting.length === 0) return false;
  await sql.query("select from instance where id = any($1) order by id for update", [
    waiting.map(({ instance }) => instance),
  ]);
  const gone = await sql.query<Gone>(
    `delete from attachment a using instance i where i.id = a.instance_id and i.home is null and a.leaving is not null
       and i.id = any($1) returning a.volume_id as volume, i.id as instance`,
    [waiting.map(({ instance }) => instance)],
  );
  await tellDetached(sql, gone, now);
  return gone.length > 0;
}

interface Gone {
  readonly volume: VolumeId;
  readonly instance: InstanceId;
}

async function tellDetached(sql: Sql, gone: readonly Gone[], now: Instant): Promise<void> {
  await appendJournal(
    sql,
    gone.flatMap(({ volume, instance }) => [
      {
        at: now,
        kind: "volume",
        subject: volume,
        event: "detached",
        actor: "holdfast",
        detail: { instance },
      } as const,
      {
        at: now,
        kind: "instance",
        subject: instance,
        event: "volumeDetached",
        actor: "holdfast",
        detail: { volume },
      } as const,
    ]),
  );
}

interface Known {
  readonly instance: InstanceId;
  readonly host: HostId;
  readonly epoch: number;
  readonly volume: VolumeId;
  /** False: it is the root volume, of which only the size is of interest. */
  readonly isAttached: boolean;
  readonly leaving: number | null;
  readonly is: string | null;
  readonly bytes: number | null;
  readonly code: string | null;
  readonly message: string | null;
}

/** What one host says of its machines. */
export interface Saying {
  readonly host: HostId;
  readonly epoch: number;
  readonly machines: readonly MachineReport[];
}

/** Whether there is a word of disks in it. */
export const saysOfDisks = ({ phase, disks }: MachineReport) =>
  phase === "running" && disks !== undefined;

/**
 * What hosts say of the disks of their machines, the latest last. Nearly always it is what is known already, and
 * nothing is written. Resolves with whether anything has changed.
 */
export async function recordDisks(
  database: Database,
  all: readonly Saying[],
  now: Instant,
): Promise<boolean> {
  const saying = all.flatMap(({ host, epoch, machines }) =>
    machines.filter(saysOfDisks).map((machine) => ({ host, epoch, machine })),
  );
  if (saying.length === 0) return false;
  const news = await database.transaction((sql) => findNews(sql, saying), byKey);
  if (news.length === 0) return false;
  return database.transaction(async (sql) => {
    const ids = news.map(({ instance }) => instance);
    await sql.query("select from instance where id = any($1) order by id for update", [ids]);
    // Locked, it may look different.
    const fresh = await findNews(sql, saying);
    const said = fresh.flatMap(({ disk }) => disk ?? []);
    await sql.query(
      `update attachment a set "is" = d."is", bytes = d.bytes, problem = d.problem, said_at = $2::timestamptz
       from json_to_recordset($1::json) d (volume uuid, "is" text, bytes bigint, problem jsonb) where a.volume_id = d.volume`,
      [JSON.stringify(said), iso(now)],
    );
    await sql.query(
      `update volume v set actual_bytes = d.bytes from json_to_recordset($1::json) d (volume uuid, bytes bigint)
       where v.id = d.volume and d.bytes > 0`,
      [JSON.stringify(said)],
    );
    // A root volume has no row of its attachment. What else is wrong with it is not for its host to take back.
    await sql.query(
      `update volume v set problem = d.problem from json_to_recordset($1::json) d (volume uuid, problem jsonb)
       where v.id = d.volume and v.kind = 'root' and (d.problem is not null or v.problem->>'code' = $2)`,
      [JSON.stringify(said), tooSlow],
    );
    const left = fresh.filter(({ disk }) => !disk);
    const gone = await sql.query<Gone>(
      "delete from attachment where volume_id = any($1) returning volume_id as volume, instance_id as instance",
      [left.map(({ volume }) => volume)],
    );
    await tellDetached(sql, gone, now);
    return fresh.length > 0;
  });
}

/** What a host says of a disk that it has: its pool does not give what its limits promise. */
const tooSlow = "pool_too_slow";

interface News {
  readonly instance: InstanceId;
  readonly volume: VolumeId;
  /** Undefined: the guest has let go of it. */
  readonly disk: DiskReport | undefined;
}

/** Of the generation that this host has, of this epoch: nobody else knows anything about its disks. */
async function findNews(
  sql: Sql,
  saying: readonly {
    readonly host: HostId;
    readonly epoch: number;
    readonly machine: MachineReport;
  }[],
): Promise<readonly News[]> {
  // Of two words of one host on the same machine the later one counts.
  const reports = new Map(
    saying.map((one) => [`${one.machine.instance} ${one.host} ${one.epoch}`, one]),
  );
  const latest = [...reports.values()];
  const rows = await sql.query<Known>(
    `select i.id as instance, m.host, m.epoch, d.id as volume, a.volume_id is not null as "isAttached", a.leaving, a."is", coalesce(a.bytes, d.actual_bytes) as bytes,
       case when a.volume_id is null then d.problem else a.problem end->>'code' as code,
       case when a.volume_id is null then d.problem else a.problem end->>'message' as message
     from unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[]) m (id, generation, host, epoch)
       join instance i on i.id = m.id and i.generation = m.generation and i.home = m.host
       join incarnation c on c.instance_id = i.id and c.generation = i.generation
         and c.host_id = m.host and c.host_epoch = m.epoch
       join lateral (select volume_id as id from attachment where instance_id = i.id union select i.volume_id) o on true
       join volume d on d.id = o.id left join attachment a on a.volume_id = d.id`,
    [
      latest.map(({ machine }) => machine.instance),
      latest.map(({ machine }) => machine.generation),
      latest.map(({ host }) => host),
      latest.map(({ epoch }) => epoch),
    ],
  );
  return rows.flatMap((row): News[] => {
    const { instance, volume, isAttached, leaving, is, bytes, ...was } = row;
    const report = reports.get(`${instance} ${row.host} ${row.epoch}`)?.machine;
    const disk = report?.disks?.find((one) => one.volume === volume);
    if (disk) {
      const { code = null, message = null } = disk.problem ?? {};
      const isSame = was.code === code && was.message === message;
      const isOther = isAttached
        ? is !== disk.is || !isSame
        : code !== null
          ? !isSame
          : was.code === tooSlow;
      return isOther || bytes !== disk.bytes ? [{ instance, volume, disk }] : [];
    }
    const isBelieved = leaving !== null && (report?.disksOf ?? -1) >= leaving;
    return isBelieved ? [{ instance, volume, disk: undefined }] : [];
  });
}

/** The volumes of running instances that have not been made: their hosts are where they will be. */
export async function findUnmade(
  sql: Sql,
): Promise<
  readonly { readonly volume: VolumeId; readonly host: HostId; readonly bytes: number }[]
> {
  return sql.query(
    `select v.id as volume, i.home as host, v.size_bytes as bytes
     from attachment a join volume v on v.id = a.volume_id join instance i on i.id = a.instance_id
     where v.state = 'allocated' and v.kind = 'data' and i.home is not null and a.leaving is null order by v.id`,
  );
}

/** They are being made from now on; returns those that really are, for somebody must ask for it. */
export async function beginMaking(
  sql: Sql,
  volumes: readonly { readonly volume: VolumeId; readonly host: HostId | undefined }[],
): Promise<readonly VolumeId[]> {
  const moved = await moveVolumes(
    sql,
    volumes.map(({ volume, host }) => ({ volume, event: "create", host })),
  );
  return moved.map(({ id }) => id);
}
