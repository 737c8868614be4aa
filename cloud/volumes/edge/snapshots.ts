/**
 * Snapshots: kept, restored and deleted.
 *
 * A restore makes a new volume and puts it into the place of the old one when it is whole, in one transaction. A
 * crash on the way costs nothing but the copy, and the old volume stays for as long as snapshots lie in it.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type {
  ImageId,
  InstanceId,
  ProjectId,
  SnapshotId,
  VolumeId,
  VolumeKeyId,
} from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { localPool } from "../core/model.ts";
import { hopeless } from "../core/tasks.ts";
import { canOpen, mustOpen, type NewKey, type VolumeKeys } from "./keys.ts";
import {
  type Held,
  type HeldSnapshot,
  type HeldVolume,
  holdSnapshot,
  holdSource,
  holdVolume,
} from "./lookup.ts";
import {
  cannotShrink,
  checkRoom,
  mustBeMade,
  mustBeStopped,
  mustNotMove,
  permit,
  permitToOthers,
  type Rules,
  snapshotInUse,
  tooManySnapshots,
} from "./refusals.ts";
import { dropReplaced, expungeUnkept } from "./states.ts";
import { type Asker, cancelTasks, insertTasks, orForget } from "./tasks.ts";
import { insertRow, mustEncrypt, type NewVolume } from "./volumes.ts";

export interface NewSnapshot {
  readonly id: SnapshotId;
  readonly name: string;
  readonly freeze: boolean;
}

/** Breaks `snapshot_project_id_name_key` if the name is taken. See the route for what it rejects with. */
export async function insertSnapshot(
  sql: Sql,
  project: ProjectId,
  asked: string,
  { id, name, freeze }: NewSnapshot,
  rules: Rules,
  asker: Asker,
): Promise<HeldVolume> {
  const volume = await holdVolume(sql, project, asked);
  permit(volume, "snapshot");
  mustBeMade(volume);
  await mustFit(sql, project, { snapshots: 1 });
  const [row] = await sql.query<{ count: number }>(
    "select count(*)::int as count from snapshot where volume_id = $1",
    [volume.id],
  );
  const count = row?.count ?? 0;
  if (count >= rules.mostSnapshots) throw tooManySnapshots(volume.name, count, rules.mostSnapshots);
  await checkRoom(sql, volume, rules);
  await sql.query(
    `insert into snapshot (id, project_id, name, volume_id, lies_in, state, bytes, created_at)
     values ($1, $2, $3, $4, $4, 'making', $5, $6)`,
    [id, project, name, volume.id, volume.bytes, iso(asker.now)],
  );
  await insertTasks(
    sql,
    [{ do: "snapshot", volume: volume.id, detail: { name: id, freeze }, snapshot: id }],
    asker,
  );
  return volume;
}

/**
 * Again while it is under way changes nothing. Rejects with `volume_key_missing`, before anything is asked of a host. Forced,
 * one that a host could not remove, or cannot, is forgotten: its bytes stay in the volume, and go with it. Rejects with
 * `volume_busy` then while something is made of it.
 */
export async function removeSnapshot(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  { keys, isForced }: { readonly keys: VolumeKeys; readonly isForced: boolean },
  asker: Asker,
): Promise<{
  readonly snapshot: HeldSnapshot;
  readonly isNew: boolean;
  readonly isForgotten: boolean;
}> {
  const { snapshot, volume } = await holdSnapshot(sql, project, nameOrId);
  if (volume.isUnmadeCopy) {
    // There is nothing in the volume, and it was made for this alone.
    permit(volume, "snapshot");
    await cancelTasks(sql, [volume.id]);
    await sql.query("delete from snapshot where id = $1", [snapshot.id]);
    await expungeUnkept(sql, volume.id);
    return { snapshot, isNew: true, isForgotten: false };
  }
  if (isForced && (await isStuck(sql, keys, snapshot))) {
    permit(volume, "snapshot");
    await mustBeUnused(sql, snapshot);
    await forget(sql, snapshot);
    return { snapshot, isNew: true, isForgotten: true };
  }
  if (snapshot.state === "deleting") return { snapshot, isNew: false, isForgotten: false };
  permit(volume, "snapshot");
  await mustOpen(sql, keys, snapshot.liesIn, orForget);
  await sql.query("update snapshot set state = 'deleting', problem = null where id = $1", [
    snapshot.id,
  ]);
  await insertTasks(
    sql,
    [
      {
        do: "remove-snapshot",
        volume: volume.id,
        detail: { volume: snapshot.liesIn, name: snapshot.id },
        snapshot: snapshot.id,
      },
    ],
    asker,
  );
  return { snapshot, isNew: true, isForgotten: false };
}

/** A host has tried to remove it and could not, or would not be able to open what it lies in. */
async function isStuck(sql: Sql, keys: VolumeKeys, { id, liesIn }: HeldSnapshot): Promise<boolean> {
  const [row] = await sql.query<{ hasFailed: boolean }>(
    `select n.problem->>'code' = any($2) or exists (select from storage_task t
       where t.snapshot_id = n.id and t."do" = 'remove-snapshot' and t.attempts > 0) as "hasFailed"
     from snapshot n where n.id = $1`,
    [id, hopeless],
  );
  return row?.hasFailed === true || !(await canOpen(sql, keys, liesIn));
}

/**
 * Nothing is being made of it: forgotten, it may leave its file to be removed, and nothing would wait for whoever
 * reads that. Rejects with `volume_busy`.
 */
async function mustBeUnused(sql: Sql, { id, name }: HeldSnapshot): Promise<void> {
  const [task] = await sql.query<{ by: string; since: Instant }>(
    `select actor as by, created_at as since from storage_task
     where snapshot_id = $1 and "do" <> 'remove-snapshot' order by seq limit 1`,
    [id],
  );
  if (task) throw snapshotInUse(name, task);
}

async function forget(sql: Sql, { id, volume }: HeldSnapshot): Promise<void> {
  await sql.query(`delete from storage_task where snapshot_id = $1 and "do" = 'remove-snapshot'`, [
    id,
  ]);
  await sql.query("delete from snapshot where id = $1", [id]);
  await dropReplaced(sql, volume);
  await expungeUnkept(sql, volume);
}

/** `fresh` is the id of the volume that is made. See the route for what it rejects with. */
export async function restoreSnapshot(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  fresh: VolumeId,
  rules: Rules,
  asker: Asker,
): Promise<{
  readonly volume: HeldVolume;
  readonly instance: InstanceId | undefined;
  readonly snapshot: HeldSnapshot;
}> {
  const { snapshot, volume } = await holdSnapshot(sql, project, nameOrId);
  permit(volume, "restore");
  mustBeStopped(volume);
  mustBeReady(snapshot);
  await checkRoom(sql, volume, rules);
  await beginSuccessor(sql, volume, fresh, snapshot.bytes, asker);
  await insertTasks(
    sql,
    [
      {
        do: "restore",
        volume: volume.id,
        detail: { volume: fresh, from: snapshot.liesIn, snapshot: snapshot.id },
        snapshot: snapshot.id,
      },
    ],
    asker,
  );
  return { volume, instance: volume.instance?.id, snapshot };
}

/** Only one that is whole. */
function mustBeReady({ name, state }: HeldSnapshot): void {
  if (state === "ready") return;
  throw problem("conflict", "snapshot_not_ready", `The snapshot ${name} is ${state}.`, {
    fix: "See it: holdfast snapshots",
    facts: { state },
  });
}

/**
 * A volume of its own, in the same pool: where the other one lies, if that is a host's own. The task is the other one's,
 * so that the snapshot stays until it is done: for whoever owns that, it is what another project
 * does. See the route for what it rejects with; breaks `volume_by_name` if the
 * name is taken.
 */
export async function volumeFromSnapshot(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  {
    bytes: asked,
    newKey,
    ...fresh
  }: Omit<NewVolume, "bytes" | "pool" | "key"> & {
    readonly bytes: number | undefined;
    /** It is to be encrypted, also if the snapshot is not. */
    readonly newKey: NewKey | undefined;
  },
  rules: Rules,
  asker: Asker,
): Promise<HeldSnapshot> {
  const { snapshot, volume, owner } = await holdSource(sql, project, nameOrId);
  if (owner !== undefined) permitToOthers(snapshot, volume);
  else {
    permit(volume, "snapshot");
    mustNotMove(volume);
    mustBeReady(snapshot);
    mustBeMade(volume);
  }
  const bytes = asked ?? snapshot.bytes;
  if (bytes < snapshot.bytes) throw cannotShrink(snapshot.name, snapshot.bytes);
  const { pool } = volume;
  await checkRoom(sql, volume, rules);
  const key = (await keyIn(sql, snapshot)) ?? newKey;
  if (key !== undefined) await mustEncrypt(sql, pool);
  const copy = { ...fresh, pool, bytes, fromSnapshot: snapshot.id, key };
  await insertRow(sql, copy, "creating", rules, asker);
  if (pool === localPool)
    await sql.query("update volume set host_id = $2 where id = $1", [fresh.id, volume.host]);
  await insertTasks(
    sql,
    [
      {
        do: "copy",
        volume: volume.id,
        detail: { volume: fresh.id, from: snapshot.liesIn, snapshot: snapshot.id, bytes },
        snapshot: snapshot.id,
      },
    ],
    owner === undefined ? asker : { ...asker, actor: await asProject(sql, project) },
  );
  return snapshot;
}

/** What the volume that it lies in is encrypted with, and so everything that is made of it. */
async function keyIn(sql: Sql, { liesIn }: HeldSnapshot): Promise<VolumeKeyId | undefined> {
  const [row] = await sql.query<{ key: VolumeKeyId | null }>(
    "select key_id as key from volume where id = $1",
    [liesIn],
  );
  return row?.key ?? undefined;
}

/** Who somebody is to another project: it has shared with a project, and with nobody in it by name. */
async function asProject(sql: Sql, project: ProjectId): Promise<string> {
  const [row] = await sql.query<{ name: string }>("select name from project where id = $1", [
    project,
  ]);
  return `project ${row?.name}`;
}

/**
 * A snapshot in a volume of its own, which is made of the other one first. It waits for that: there is nothing to keep
 * before. See the route for what it rejects with; breaks `volume_by_name` or `snapshot_project_id_name_key` if the name is taken.
 */
export async function copySnapshot(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  {
    volume,
    snapshot: id,
    name,
    newKey,
  }: {
    readonly volume: VolumeId;
    readonly snapshot: SnapshotId;
    readonly name: string;
    readonly newKey: NewKey | undefined;
  },
  rules: Rules,
  asker: Asker,
): Promise<HeldSnapshot> {
  await mustFit(sql, project, { snapshots: 1 });
  const limits = { iops: null, bytesPerSecond: null };
  const wanted = { id: volume, project, name, bytes: undefined, limits, newKey };
  const from = await volumeFromSnapshot(sql, project, nameOrId, wanted, rules, asker);
  await sql.query("update volume set goes_with_snapshots = true where id = $1", [volume]);
  await sql.query(
    `insert into snapshot (id, project_id, name, volume_id, lies_in, state, bytes, created_at)
     values ($1, $2, $3, $4, $4, 'making', $5, $6)`,
    [id, project, name, volume, from.bytes, iso(asker.now)],
  );
  const detail = { name: id, freeze: true };
  await insertTasks(
    sql,
    [{ do: "snapshot", volume, detail, snapshot: id, waitsFor: "copy" }],
    asker,
  );
  return from;
}

/** The snapshot itself stays. See the route for what it rejects with. */
export async function captureSnapshot(
  sql: Sql,
  { snapshot, volume }: Held,
  image: ImageId,
  asker: Asker,
): Promise<void> {
  permit(volume, "snapshot");
  mustBeReady(snapshot);
  await insertTasks(
    sql,
    [
      {
        do: "extract",
        volume: volume.id,
        detail: { volume: snapshot.liesIn, snapshot: snapshot.id },
        snapshot: snapshot.id,
        image,
      },
    ],
    asker,
  );
}

/** A volume beside another one, that will take its place. Until then nobody sees it. */
export async function beginSuccessor(
  sql: Sql,
  { id }: HeldVolume,
  fresh: VolumeId,
  bytes: number,
  { now }: Asker,
): Promise<void> {
  await sql.query(
    `insert into volume (id, project_id, image_id, kind, state, size_bytes, pool, host_id, iops, bytes_per_second, created_at, successor_id, key_id)
     select $2, project_id, image_id, kind, 'creating', greatest($3::bigint, 1), pool, host_id, iops, bytes_per_second, $4::timestamptz, id, key_id
     from volume where id = $1`,
    [id, fresh, bytes, iso(now)],
  );
}
