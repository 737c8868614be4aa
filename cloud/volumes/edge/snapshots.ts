/**
 * Snapshots: kept, restored and deleted.
 *
 * A restore makes a new volume and puts it into the place of the old one when it is whole, in one transaction. A
 * crash on the way costs nothing but the copy, and the old volume stays for as long as snapshots lie in it.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type { InstanceId, ProjectId, SnapshotId, VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type HeldSnapshot, type HeldVolume, holdSnapshot, holdVolume } from "./lookup.ts";
import {
  checkRoom,
  mustBeMade,
  mustBeStopped,
  permit,
  type Rules,
  tooManySnapshots,
} from "./refusals.ts";
import { type Asker, insertTasks } from "./tasks.ts";

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

/** Again while it is under way changes nothing. */
export async function removeSnapshot(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  asker: Asker,
): Promise<{ readonly snapshot: HeldSnapshot; readonly isNew: boolean }> {
  const { snapshot, volume } = await holdSnapshot(sql, project, nameOrId);
  if (snapshot.state === "deleting") return { snapshot, isNew: false };
  permit(volume, "snapshot");
  await sql.query("update snapshot set state = 'deleting' where id = $1", [snapshot.id]);
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
  return { snapshot, isNew: true };
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
  if (snapshot.state !== "ready")
    throw problem(
      "conflict",
      "snapshot_not_ready",
      `The snapshot ${snapshot.name} is ${snapshot.state}.`,
      {
        fix: "See it: holdfast snapshots",
        facts: { state: snapshot.state },
      },
    );
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

/** A volume beside another one, that will take its place. Until then nobody sees it. */
export async function beginSuccessor(
  sql: Sql,
  { id }: HeldVolume,
  fresh: VolumeId,
  bytes: number,
  { now }: Asker,
): Promise<void> {
  await sql.query(
    `insert into volume (id, project_id, image_id, kind, state, size_bytes, pool, host_id, iops, bytes_per_second, created_at, successor_id)
     select $2, project_id, image_id, kind, 'creating', greatest($3::bigint, 1), pool, host_id, iops, bytes_per_second, $4::timestamptz, id
     from volume where id = $1`,
    [id, fresh, bytes, iso(now)],
  );
}
