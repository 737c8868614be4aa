/**
 * Backups: taken, restored and deleted, by people and by schedules.
 *
 * A backup lies in the place for backups under the volume that it was made of. After a restore that is another
 * one than the volume that people see, whose first backup is then a full one.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import { insertTags, mustBeTagged } from "@holdfast/cloud/tags/edge";
import type { BackupId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Keep } from "../core/retention.ts";
import type { NewKey } from "./keys.ts";
import {
  type HeldBackup,
  type HeldVolume,
  holdBackup,
  holdVolume,
  holdVolumeById,
} from "./lookup.ts";
import {
  checkRoom,
  mustBeMade,
  mustBeStopped,
  permit,
  placeUnset,
  type Rules,
} from "./refusals.ts";
import { beginSuccessor } from "./snapshots.ts";
import { type Asker, insertTasks } from "./tasks.ts";
import { checkPool, insertRow, mustEncrypt, type NewVolume } from "./volumes.ts";

/** See the route for what it rejects with. */
export async function takeBackup(
  sql: Sql,
  project: ProjectId,
  asked: string,
  { id, isFull }: { readonly id: BackupId; readonly isFull: boolean },
  { backupPlace }: Rules,
  asker: Asker,
): Promise<HeldVolume> {
  if (backupPlace === "") throw placeUnset();
  const volume = await holdVolume(sql, project, asked);
  permit(volume, "backup");
  mustBeMade(volume);
  // One that a schedule makes is never refused: it is kept in bounds by how many of them are kept.
  await mustFit(sql, project, { backups: 1 });
  await insertBackup(sql, volume, { id, project, isFull, dueAt: undefined }, asker);
  return volume;
}

export async function insertBackup(
  sql: Sql,
  volume: HeldVolume,
  {
    id,
    project,
    isFull,
    dueAt,
  }: {
    readonly id: BackupId;
    readonly project: ProjectId;
    readonly isFull: boolean;
    readonly dueAt: Instant | undefined;
  },
  asker: Asker,
): Promise<void> {
  const [latest] = isFull
    ? []
    : await sql.query<{ id: BackupId }>(
        `select id from backup where lies_in = $1 and state = 'ready' order by made_at desc, id desc limit 1`,
        [volume.id],
      );
  await sql.query(
    `insert into backup (id, project_id, volume_id, lies_in, volume_name, kind, state, bytes, due_at, created_at)
     values ($1, $2, $3, $3, $4, $5, 'making', $6, $7, $8)`,
    [
      id,
      project,
      volume.id,
      volume.name,
      volume.kind,
      volume.bytes,
      dueAt === undefined ? null : iso(dueAt),
      iso(asker.now),
    ],
  );
  const detail = { backup: id, ...(latest ? { since: latest.id } : {}) };
  await insertTasks(sql, [{ do: "backup", volume: volume.id, detail, backup: id }], asker);
}

/** Rejects with `backup_busy` while a restore reads it or it is being made. Again changes nothing. */
export async function removeBackup(
  sql: Sql,
  project: ProjectId,
  id: string,
  asker: Asker,
): Promise<{ readonly backup: HeldBackup; readonly isNew: boolean }> {
  const backup = await holdBackup(sql, project, id);
  if (backup.state === "deleting") return { backup, isNew: false };
  const [user] = await sql.query<{ do: string; by: string; since: Instant }>(
    `select "do", actor as by, created_at as since from storage_task
     where backup_id = $1 or detail->>'since' = $1::text limit 1`,
    [backup.id],
  );
  if (user)
    throw problem(
      "conflict",
      "backup_busy",
      `A ${user.do} of this backup is under way: ${user.by} asked for it at ${iso(user.since)}.`,
      {
        fix: "Wait until that is done: holdfast backups",
        retryAfterSeconds: 5,
        facts: { ...user },
      },
    );
  await beginRemoval(sql, [backup], asker);
  return { backup, isNew: true };
}

export async function beginRemoval(
  sql: Sql,
  backups: readonly Pick<HeldBackup, "id" | "volume" | "liesIn">[],
  asker: Asker,
): Promise<void> {
  await sql.query("update backup set state = 'deleting' where id = any($1)", [
    backups.map(({ id }) => id),
  ]);
  await insertTasks(
    sql,
    backups.map(({ id, volume, liesIn }) => ({
      do: "remove-backup",
      volume,
      detail: { volume: liesIn, backup: id },
      backup: id,
    })),
    asker,
  );
}

/** Into the place of the volume that it was made of, or as a new one. */
export async function restoreBackup(
  sql: Sql,
  project: ProjectId,
  id: string,
  to: {
    readonly fresh: VolumeId;
    readonly name: string | undefined;
    readonly pool: string | undefined;
    readonly tags: Readonly<Record<string, string>>;
    /** A volume beside it is to be encrypted, also if the backup is not. */
    readonly newKey: NewKey | undefined;
  },
  rules: Rules,
  asker: Asker,
): Promise<{
  readonly volume: VolumeId;
  readonly instance: InstanceId | undefined;
  readonly backup: HeldBackup;
}> {
  if (rules.backupPlace === "") throw placeUnset();
  const backup = await holdBackup(sql, project, id);
  if (backup.state !== "ready")
    throw problem("conflict", "backup_not_ready", `This backup is ${backup.state}.`, {
      fix: "See it: holdfast backups",
      facts: { state: backup.state },
    });
  const { fresh } = to;
  const task = {
    do: "restore-backup",
    detail: { volume: fresh, from: backup.liesIn, backup: backup.id },
    backup: backup.id,
  } as const;
  if (to.name !== undefined || !backup.isVolumeThere) {
    const name = to.name ?? (backup.kind === "data" ? backup.volumeName : undefined);
    if (name === undefined) throw nameNeeded(backup.volumeName);
    await mustBeTagged(sql, project, to.tags);
    const place = await placeFor(sql, backup, to.pool);
    const key = backup.key ?? to.newKey;
    if (key !== undefined) await mustEncrypt(sql, place.pool);
    const limits = { iops: null, bytesPerSecond: null };
    const volume: NewVolume = {
      id: fresh,
      project,
      name,
      bytes: backup.bytes,
      pool: place.pool,
      limits,
      fromBackup: backup.id,
      key,
    };
    await insertRow(sql, volume, "creating", rules, asker);
    await sql.query("update volume set host_id = $2 where id = $1", [fresh, place.host]);
    await checkRoom(sql, place, rules);
    await insertTags(sql, [{ resource: fresh, project, kind: "volume", tags: to.tags }]);
    await insertTasks(sql, [{ ...task, volume: fresh }], asker);
    return { volume: fresh, instance: undefined, backup };
  }
  const volume = await holdVolumeById(sql, backup.volume, backup.volumeName);
  permit(volume, "restore");
  mustBeStopped(volume);
  await checkRoom(sql, volume, rules);
  await beginSuccessor(sql, volume, fresh, backup.bytes, asker);
  await insertTasks(sql, [{ ...task, volume: volume.id }], asker);
  return { volume: volume.id, instance: volume.instance?.id, backup };
}

const nameNeeded = (was: string) =>
  problem("not_found", "volume_not_found", `${was} is gone; this would become a new volume.`, {
    fix: "Say what to call it: holdfast backups restore BACKUP --name NAME",
  });

/** Where a new volume is made: on a host's own disks it has to be one host from the start. */
async function placeFor(
  sql: Sql,
  backup: HeldBackup,
  asked: string | undefined,
): Promise<{ readonly pool: string; readonly host: string | null }> {
  const [was] = await sql.query<{ pool: string; host: string | null }>(
    "select pool, host_id as host from volume where id = $1",
    [backup.volume],
  );
  const pool = asked ?? was?.pool ?? "local";
  if (pool !== "local") {
    await checkPool(sql, pool);
    return { pool, host: null };
  }
  const [host] = await sql.query<{ id: string }>(
    `select h.id from host h left join pool_room r on r.host_id = h.id and r.pool = 'local'
     where h.state = 'up' and h.mode = 'enabled'
     order by h.id is distinct from $1, r.free_bytes desc nulls last, h.name limit 1`,
    [was?.host ?? null],
  );
  return { pool, host: host?.id ?? was?.host ?? null };
}

export interface NewSchedule {
  readonly everyMinutes: number;
  readonly keep: Keep;
}

/** The first backup is due at once. A changed schedule begins anew. */
export async function putSchedule(
  sql: Sql,
  project: ProjectId,
  asked: string,
  { everyMinutes, keep }: NewSchedule,
  { backupPlace }: Rules,
  { now }: Asker,
): Promise<HeldVolume> {
  if (backupPlace === "") throw placeUnset();
  const volume = await holdVolume(sql, project, asked);
  mustBeMade(volume);
  await sql.query(
    `insert into backup_schedule (volume_id, every_minutes, keep_hourly, keep_daily, keep_weekly, next_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $6) on conflict (volume_id) do update set every_minutes = excluded.every_minutes,
       keep_hourly = excluded.keep_hourly, keep_daily = excluded.keep_daily, keep_weekly = excluded.keep_weekly,
       next_at = excluded.next_at`,
    [volume.id, everyMinutes, keep.hourly, keep.daily, keep.weekly, iso(now)],
  );
  return volume;
}

/** Rejects with `schedule_not_found`. */
export async function dropSchedule(
  sql: Sql,
  project: ProjectId,
  asked: string,
): Promise<HeldVolume> {
  const volume = await holdVolume(sql, project, asked);
  const gone = await sql.query(
    "delete from backup_schedule where volume_id = $1 returning volume_id",
    [volume.id],
  );
  if (gone.length > 0) return volume;
  throw problem("not_found", "schedule_not_found", `${volume.name} has no backup schedule.`, {
    fix: `Give it one: holdfast backups schedule ${volume.name}`,
  });
}
