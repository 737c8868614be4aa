/**
 * Volumes: made, attached, detached, resized, limited, checked and deleted.
 *
 * Nothing here waits for a host: what is wanted is written down, with the task or the newer wish that makes it so.
 */
import { mustFit as mustFitQuota } from "@holdfast/cloud/quotas/edge";
import type {
  BackupId,
  HostId,
  ImageId,
  InstanceId,
  ProjectId,
  SnapshotId,
  VolumeId,
  VolumeKeyId,
} from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { fit, freeSlot, type Station } from "../core/attach.ts";
import type { VolumeState } from "../core/lifecycle.ts";
import { type Disk, type DiskLimits, localPool } from "../core/model.ts";
import { beginMaking, keepWithoutSnapshots, renewWishes } from "./attachments.ts";
import { stationOf } from "./disks.ts";
import { insertKeys, type NewKey } from "./keys.ts";
import { type HeldInstance, type HeldVolume, holdInstance, holdVolume } from "./lookup.ts";
import {
  cannotShrink,
  checkRoom,
  mustBeMade,
  mustNotMove,
  permit,
  type Rules,
  tooManyDisks,
  tooManyVolumes,
  volumeInUse,
} from "./refusals.ts";
import { expunge } from "./states.ts";
import { type Asker, cancelTasks, insertTasks } from "./tasks.ts";

export interface NewVolume {
  readonly id: VolumeId;
  readonly project: ProjectId;
  readonly name: string;
  readonly bytes: number;
  readonly pool: string;
  readonly limits: DiskLimits;
  readonly fromSnapshot?: SnapshotId;
  readonly fromBackup?: BackupId;
  /** What it is encrypted with, of its own or of what it is made of; plain if not given. */
  readonly key?: NewKey | VolumeKeyId | undefined;
}

/**
 * On a shared pool a host is asked to make it at once. Rejects with `too_many_volumes`, `pool_not_found`,
 * `pool_cannot_encrypt` and `pool_full`; breaks `volume_by_name` if the name is taken.
 */
export async function insertVolume(
  sql: Sql,
  volume: NewVolume,
  rules: Rules,
  asker: Asker,
): Promise<void> {
  const { id, pool, bytes } = volume;
  await insertRow(sql, volume, "allocated", rules, asker);
  await checkRoom(sql, { pool, host: null }, rules);
  if (pool === localPool) return;
  await checkPool(sql, pool);
  if (volume.key !== undefined) await mustEncrypt(sql, pool);
  await beginMaking(sql, [{ volume: id, host: undefined }]);
  await insertTasks(sql, [{ do: "make", volume: id, detail: { bytes } }], asker);
}

export async function insertRow(
  sql: Sql,
  { id, project, name, bytes, pool, limits, fromSnapshot, fromBackup, key }: NewVolume,
  state: VolumeState,
  { mostVolumes }: Rules,
  { now }: Asker,
): Promise<void> {
  await mustFitQuota(sql, project, { volumes: 1, volumeGiB: bytes / gib });
  const [row] = await sql.query<{ count: number }>(
    "select count(*)::int as count from volume where project_id = $1 and name is not null and state <> 'expunged'",
    [project],
  );
  if (row && row.count >= mostVolumes) throw tooManyVolumes(row.count, mostVolumes);
  if (typeof key === "object") await insertKeys(sql, [key], now);
  await sql.query(
    `insert into volume (id, project_id, name, kind, state, size_bytes, pool, iops, bytes_per_second, created_at,
       from_snapshot, from_backup, key_id)
     values ($1, $2, $3, 'data', $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      ...[id, project, name, state, bytes, pool, limits.iops, limits.bytesPerSecond, iso(now)],
      ...[
        fromSnapshot ?? null,
        fromBackup ?? null,
        typeof key === "object" ? key.id : (key ?? null),
      ],
    ],
  );
}

/** Rejects with `pool_not_found` unless some host reaches it. */
export async function checkPool(sql: Sql, pool: string): Promise<void> {
  const [host] = await sql.query("select from host where $1 = any(pools) limit 1", [pool]);
  if (host) return;
  throw problem("not_found", "pool_not_found", `No host reaches a pool ${pool}.`, {
    fix: "Use `local`, or give the hosts a pool of that name: docs/pools.md",
  });
}

/** Rejects with `pool_cannot_encrypt` where all hosts that reach it say that a storage host serves it. */
export async function mustEncrypt(sql: Sql, pool: string): Promise<void> {
  const [row] = await sql.query<{ isServed: boolean | null }>(
    `select bool_and(coalesce(facts->'storage' @> $2::jsonb, false)) as "isServed" from host where $1 = any(pools)`,
    [pool, JSON.stringify([{ pool, kind: "nbd" }])],
  );
  if (row?.isServed !== true) return;
  throw problem(
    "conflict",
    "pool_cannot_encrypt",
    `The pool ${pool} cannot keep encrypted volumes.`,
    {
      fix: "Make it in `local` or in a shared directory: docs/encryption.md",
      facts: { pool },
    },
  );
}

/** What has changed, for the journal, and who must hear of it. */
export interface Changed {
  readonly volume: HeldVolume;
  readonly instance: InstanceId | undefined;
  /** Hosts whose wishes are newer now. */
  readonly hosts: readonly HostId[];
}

const attachable: ReadonlySet<string> = new Set([
  "provisioning",
  "stopped",
  "starting",
  "running",
  "failed",
]);

/** See the route for what it rejects with. The same again changes nothing. */
export async function attach(
  sql: Sql,
  project: ProjectId,
  asked: string,
  to: { readonly instance: string; readonly deleteWithInstance: boolean },
  rules: Rules,
  asker: Asker,
): Promise<Changed | undefined> {
  const instance = await holdInstance(sql, project, to.instance);
  const volume = await holdVolume(sql, project, asked);
  if (volume.instance?.id === instance.id && volume.leaving === null && volume.kind === "data")
    return undefined;
  if (volume.instance) throw volumeInUse(volume.name, volume.instance.name);
  mustBeAttachable(volume);
  if (!attachable.has(instance.state)) throw notNow(instance);
  const { station, slots } = await readStation(sql, instance);
  await mustFit(sql, volume, instance, station);
  if (slots.length + 1 >= rules.mostDisks) throw tooManyDisks(instance.name, rules.mostDisks);
  await sql.query(
    `insert into attachment (volume_id, instance_id, slot, delete_with_instance, attached_at) values ($1, $2, $3, $4, $5)`,
    [volume.id, instance.id, freeSlot(slots), to.deleteWithInstance, iso(asker.now)],
  );
  await keepWithoutSnapshots(sql, [volume.id]);
  if (volume.state === "failed" || (volume.state === "allocated" && instance.home))
    await makeNow(sql, volume, instance.home, asker);
  return { volume, instance: instance.id, hosts: await renewWishes(sql, [instance.id]) };
}

/** It is made on the host of its instance; where that does not run, the round asks for it when it does. */
async function makeNow(
  sql: Sql,
  { id, bytes, host }: HeldVolume,
  home: HostId | null,
  asker: Asker,
): Promise<void> {
  const at = host ?? home ?? undefined;
  const making = await beginMaking(sql, [{ volume: id, host: at }]);
  await insertTasks(
    sql,
    making.map((volume) => ({ do: "make", volume, detail: { bytes } })),
    asker,
  );
}

function mustBeAttachable(volume: HeldVolume): void {
  const { kind, state, name } = volume;
  permit(volume, "start"); // To be attached is to be opened.
  if (volume.isUnmadeCopy)
    throw problem(
      "conflict",
      "volume_not_attachable",
      state === "failed"
        ? `${name} was to be a copy, which has failed: there is nothing in it.`
        : `${name} is being copied: there is nothing in it yet.`,
      {
        fix:
          state === "failed"
            ? `See why (holdfast volumes show ${name}), delete it, and make it again`
            : `Wait until it is ready: holdfast volumes show ${name}`,
      },
    );
  if (kind === "data" && state !== "destroyed" && state !== "expunging") return;
  throw problem(
    "conflict",
    "volume_not_attachable",
    kind === "data" ? `${name} is being deleted.` : `${name} belongs to one instance for ever.`,
    { fix: "Make a volume: holdfast volumes create NAME --size GIB" },
  );
}

const notNow = ({ name, state }: HeldInstance) =>
  problem("conflict", "not_in_this_state", `${name} is ${state}; it cannot be given a disk.`, {
    fix: `See what becomes of it: holdfast show ${name}`,
    facts: { state, accepting: [...attachable] },
  });

async function readStation(
  sql: Sql,
  { id, home }: HeldInstance,
): Promise<{ station: Station; slots: readonly number[] }> {
  const [row] = await sql.query<{ disks: Disk[]; pools: string[] | null }>(
    `select ${stationOf("i")} as disks, h.pools from instance i left join host h on h.id = i.home where i.id = $1`,
    [id],
  );
  const slots = await sql.query<{ slot: number }>(
    "select slot from attachment where instance_id = $1",
    [id],
  );
  return {
    station: { home, pools: row?.pools ?? [], disks: row?.disks ?? [] },
    slots: slots.map(({ slot }) => slot),
  };
}

async function mustFit(
  sql: Sql,
  volume: HeldVolume,
  instance: HeldInstance,
  station: Station,
): Promise<void> {
  const found = fit(volume, station);
  if (found.is === "fits") return;
  const named = async (id: HostId) => {
    const [row] = await sql.query<{ name: string }>("select name from host where id = $1", [id]);
    return row?.name ?? id;
  };
  if (found.is === "elsewhere") {
    const [here, there] = [await named(found.volumeHost), await named(found.other)];
    throw problem(
      "conflict",
      "volume_elsewhere",
      `${volume.name} is on the disks of ${here}, and ${instance.name} on ${there}: neither can go to the other.`,
      {
        fix: `Copy it over a backup (holdfast backups create ${volume.name}, then backups restore BACKUP --name NAME --pool POOL), or keep both in a shared pool from the start`,
        facts: { volumeHost: here, instanceHost: there },
      },
    );
  }
  const home = await named(found.home);
  throw problem(
    "conflict",
    "pool_out_of_reach",
    `${home}, where ${instance.name} runs, does not reach the pool ${found.pool}.`,
    {
      fix: `Stop ${instance.name}, attach it then, and start it again: it is placed on a host that does`,
      facts: { pool: found.pool, host: home },
    },
  );
}

/**
 * Rejects with `volume_not_attached`, `volume_not_detachable`, `volume_busy`, and `not_in_this_state` while its
 * instance is being moved. Again changes nothing.
 */
export async function detach(
  sql: Sql,
  project: ProjectId,
  asked: string,
): Promise<Changed | undefined> {
  const volume = await holdVolume(sql, project, asked);
  const { instance, kind, name, leaving, id, state } = volume;
  if (!instance)
    throw problem("conflict", "volume_not_attached", `${name} is attached to nothing.`, {
      fix: "See what is: holdfast volumes",
    });
  if (kind !== "data")
    throw problem(
      "conflict",
      "volume_not_detachable",
      `${name} comes and goes with ${instance.name}.`,
      { fix: `Only data volumes can be detached. See them: holdfast volumes` },
    );
  if (leaving !== null) return undefined;
  mustNotMove(volume);
  permit(volume, "migrate-storage"); // Whoever works on it has it where it is.
  // What no wish has named yet, and what no guest can have open, is free at once.
  const isOpen = instance.home !== null && state === "ready";
  await sql.query(
    isOpen
      ? "update attachment set leaving = $2 where volume_id = $1"
      : "delete from attachment where volume_id = $1 and $2::int is not null",
    [id, instance.version + 1],
  );
  const hosts = await renewWishes(sql, [instance.id]);
  return { volume, instance: instance.id, hosts };
}

/** Rejects with `volume_cannot_shrink`, `volume_busy`, `pool_full`, and `not_in_this_state` while it is being moved. */
export async function resize(
  sql: Sql,
  project: ProjectId,
  asked: string,
  bytes: number,
  rules: Rules,
  asker: Asker,
): Promise<Changed | undefined> {
  const volume = await holdVolume(sql, project, asked);
  const { id, name, instance, state } = volume;
  if (bytes < volume.bytes) throw cannotShrink(name, volume.bytes);
  if (bytes === volume.bytes) return undefined;
  await mustFitQuota(sql, project, { volumeGiB: (bytes - volume.bytes) / gib });
  mustNotMove(volume);
  permit(volume, "resize");
  await checkRoom(sql, volume, rules);
  await sql.query("update volume set size_bytes = $2, problem = null where id = $1", [id, bytes]);
  if (instance?.home)
    return { volume, instance: instance.id, hosts: await renewWishes(sql, [instance.id]) };
  if (state === "ready")
    await insertTasks(sql, [{ do: "resize", volume: id, detail: { bytes } }], asker);
  return { volume, instance: instance?.id, hosts: [] };
}

const gib = 2 ** 30;

export async function limit(
  sql: Sql,
  project: ProjectId,
  asked: string,
  { iops, bytesPerSecond }: DiskLimits,
): Promise<Changed> {
  const volume = await holdVolume(sql, project, asked);
  const { id, instance } = volume;
  await sql.query("update volume set iops = $2, bytes_per_second = $3 where id = $1", [
    id,
    iops,
    bytesPerSecond,
  ]);
  const hosts = instance ? await renewWishes(sql, [instance.id]) : [];
  return { volume, instance: instance?.id, hosts };
}

/** Whatever is under way with it is given up. Rejects with `volume_in_use`. */
export async function remove(sql: Sql, project: ProjectId, asked: string): Promise<Changed> {
  const volume = await holdVolume(sql, project, asked);
  if (volume.instance) throw volumeInUse(volume.name, volume.instance.name);
  await cancelTasks(sql, [volume.id]);
  await expunge(sql, [volume.id]);
  return { volume, instance: undefined, hosts: [] };
}

/** Rejects with `volume_not_made`. One that is waited for already is enough. */
export async function check(
  sql: Sql,
  project: ProjectId,
  asked: string,
  asker: Asker,
): Promise<Changed> {
  const volume = await holdVolume(sql, project, asked);
  if (volume.state !== "failed") mustBeMade(volume);
  if (!volume.tasks.some((task) => task.do === "check"))
    await insertTasks(sql, [{ do: "check", volume: volume.id, detail: {} }], asker);
  return { volume, instance: undefined, hosts: [] };
}

/**
 * A snapshot that nobody sees, a copy of it that the host sends, and the snapshot's end, one after the other.
 * `name` names the snapshot.
 */
export async function capture(
  sql: Sql,
  volume: HeldVolume,
  {
    image,
    name,
    freeze,
  }: { readonly image: ImageId; readonly name: string; readonly freeze: boolean },
  asker: Asker,
): Promise<void> {
  permit(volume, "snapshot");
  mustBeMade(volume);
  const { id } = volume;
  await insertTasks(
    sql,
    [
      { do: "snapshot", volume: id, detail: { name, freeze } },
      { do: "extract", volume: id, detail: { snapshot: name }, image },
      { do: "remove-snapshot", volume: id, detail: { name } },
    ],
    asker,
  );
}
