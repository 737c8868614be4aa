/**
 * The disks of instances, as pieces of the queries of whoever decides about instances.
 *
 * A data volume is in no wish before it is made: a host that finds none would refuse to start the guest. And it
 * is in none while it is being detached.
 */
import type { WishedDisk } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { VolumeState } from "../core/lifecycle.ts";
import type { Disk, DiskLimits, VolumeKind } from "../core/model.ts";
import { meanings, taskKinds } from "../core/tasks.ts";
import { keyOf } from "./keys.ts";

/** Root first, then the others as the guest has them. */
const all = (instance: string, volume: string) =>
  `select r.*, 0 as slot, null::int as leaving from volume r where r.id = ${volume}
   union all select d.*, a.slot, a.leaving from attachment a join volume d on d.id = a.volume_id
     where a.instance_id = ${instance}`;

const active = taskKinds.filter((kind) => meanings[kind].activity);
const activities = `(values ${active
  .map((kind) => `('${kind}', '${meanings[kind].activity}')`)
  .join(", ")})`;

/** The host that works on a volume of an instance that runs nowhere. */
const workedOn = (instance: string, volume: string) =>
  `case when ${instance}.home is null then (select w.host_id
     from storage_task w join ${activities} m (kind, activity) on m.kind = w."do"
     where w.volume_id = ${volume} and w.host_id is not null limit 1) end`;

/**
 * What `disksOf` makes the disks of `i` of: columns of its root volume `v` and its type `t`, and of the others, if there
 * are any. Nearly always there are none, and to make JSON of a disk costs PostgreSQL more than to find all else.
 */
export const diskColumns = `v.size_bytes as root_bytes, v.actual_bytes as root_actual, v.state as volume_state,
  v.kind as root_kind, v.host_id as root_host, ${workedOn("i", "v.id")} as root_worked_on_by, v.problem is null as root_is_well, ${keyOf("v")} as root_key,
  coalesce(v.iops, t.disk_iops) as root_iops, coalesce(v.bytes_per_second, t.disk_bytes_per_second) as root_bytes_per_second,
  case when exists (select from attachment where instance_id = i.id) then
    (select json_agg(json_build_object('volume', d.id, 'pool', d.pool, 'kind', d.kind, 'state', d.state, 'host', d.host_id,
       'workedOnBy', ${workedOn("i", "d.id")}, 'bytes', d.size_bytes, 'isLeaving', a.leaving is not null,
       'iops', d.iops, 'bytesPerSecond', d.bytes_per_second, 'key', ${keyOf("d")}) order by a.slot)
     from attachment a join volume d on d.id = a.volume_id where a.instance_id = i.id) end as more_disks`;

export interface DiskColumns {
  readonly volume_id: VolumeId;
  readonly pool: string;
  readonly root_kind: VolumeKind;
  readonly root_bytes: number;
  /** As its host has said. */
  readonly root_actual: number | null;
  readonly root_is_well: boolean;
  /** Sealed; null: it is not encrypted. */
  readonly root_key: string | null;
  readonly volume_state: VolumeState;
  readonly root_host: HostId | null;
  readonly root_worked_on_by: HostId | null;
  /** Of the volume itself or, if it has none, of the type. */
  readonly root_iops: number | null;
  readonly root_bytes_per_second: number | null;
  readonly more_disks: readonly MoreDisk[] | null;
}

interface MoreDisk extends Disk, DiskLimits {
  readonly bytes: number;
  readonly isLeaving: boolean;
  readonly key: string | null;
}

/** Root first, then the others as the guest has them. */
export function disksOf(row: DiskColumns): {
  /** What its host should give it. */
  readonly wished: readonly WishedDisk[];
  /** What it needs of a host. */
  readonly station: readonly Disk[];
} {
  const { volume_id: volume, pool, root_kind: kind, root_bytes: bytes } = row;
  const root = { volume, pool, kind };
  const limits = limitsOf({ iops: row.root_iops, bytesPerSecond: row.root_bytes_per_second });
  const more = row.more_disks ?? [];
  return {
    wished: [
      { ...root, bytes, origin: "image", limits, ...keyed(row.root_key) },
      ...more
        .filter(
          ({ isLeaving, kind, state }) => !isLeaving && (kind !== "data" || state === "ready"),
        )
        .map(
          ({ volume, pool, bytes, kind, iops, bytesPerSecond, key }): WishedDisk => ({
            ...{ volume, pool, bytes, kind, origin: "blank" },
            limits: limitsOf({ iops, bytesPerSecond }),
            ...keyed(key),
          }),
        ),
    ],
    station: [
      { ...root, state: row.volume_state, host: row.root_host, workedOnBy: row.root_worked_on_by },
      ...more.map(({ volume, pool, kind, state, host, workedOnBy }) => ({
        ...{ volume, pool, kind, state, host, workedOnBy },
      })),
    ],
  };
}

const keyed = (key: string | null) => (key === null ? {} : { key });

function limitsOf({ iops, bytesPerSecond }: DiskLimits): WishedDisk["limits"] {
  if (iops === null && bytesPerSecond === null) return null;
  return {
    ...(iops === null ? {} : { iops }),
    ...(bytesPerSecond === null ? {} : { bytesPerSecond }),
  };
}

/** What it needs of a host: a list of `Disk`. */
export const stationOf = (instance: string) =>
  `(select json_agg(json_build_object('volume', d.id, 'pool', d.pool, 'kind', d.kind, 'state', d.state,
       'host', d.host_id, 'workedOnBy', ${workedOn(instance, "d.id")}) order by d.slot)
     from (${all(`${instance}.id`, `${instance}.volume_id`)}) d)`;

/** What is under way with its volumes: a list of `UnderWay`. */
export const underWayOf = (instance: string) =>
  `coalesce((select json_agg(json_build_object('activity', m.activity,
       'volume', coalesce(v.name, ${instance}.name || '.' || v.kind), 'by', w.actor,
       'since', (extract(epoch from w.created_at) * 1000)::bigint,
       'until', (extract(epoch from w.deadline) * 1000)::bigint) order by w.seq)
     from storage_task w join ${activities} m (kind, activity) on m.kind = w."do" join volume v on v.id = w.volume_id
     where w.volume_id = ${instance}.volume_id
       or w.volume_id in (select volume_id from attachment where instance_id = ${instance}.id)), '[]')`;

/** A disk as people see it. */
export interface DiskView {
  readonly volume: VolumeId;
  readonly name: string;
  readonly kind: VolumeKind;
  readonly sizeBytes: number;
  readonly pool: string;
  readonly encrypted: boolean;
}

/** What `diskViews` begins with: columns of the instance `i` and of its root volume `v`. */
export const rootColumns = `v.id as root, coalesce(v.name, i.name || '.' || v.kind) as root_name, v.kind as root_kind,
  v.size_bytes as root_bytes, v.key_id is not null as root_encrypted, exists (select from attachment a where a.instance_id = i.id) as has_more`;

export interface RootColumns {
  readonly id: InstanceId;
  readonly root: VolumeId;
  readonly root_name: string;
  readonly root_kind: VolumeKind;
  readonly root_bytes: number;
  readonly root_encrypted: boolean;
  readonly has_more: boolean;
  readonly pool: string;
}

/** Of each of these its disks, in the order in which its guest sees them. */
export async function diskViews(
  sql: Sql,
  rows: readonly RootColumns[],
): Promise<ReadonlyMap<InstanceId, readonly DiskView[]>> {
  const found = new Map<InstanceId, DiskView[]>();
  const ids: InstanceId[] = [];
  for (const row of rows) {
    const { root: volume, root_name: name, root_kind: kind, root_bytes: sizeBytes, pool } = row;
    const encrypted = row.root_encrypted;
    found.set(row.id, [{ volume, name, kind, sizeBytes, pool, encrypted }]);
    if (row.has_more) ids.push(row.id);
  }
  if (ids.length === 0) return found;
  const more = await sql.query<DiskView & { instance: InstanceId }>(
    `select i.id as instance, d.id as volume, coalesce(d.name, i.name || '.' || d.kind) as name, d.kind,
       d.size_bytes as "sizeBytes", d.pool, d.key_id is not null as encrypted
     from attachment a join volume d on d.id = a.volume_id join instance i on i.id = a.instance_id
     where a.instance_id = any($1) order by a.instance_id, a.slot`,
    [ids],
  );
  for (const { instance, ...disk } of more) found.get(instance)?.push(disk);
  return found;
}
