/**
 * Tasks as rows: asked for, told to hosts, taken back.
 *
 * A row is the lock of its activity, so it is written in the transaction that has found nothing in its way, and
 * is gone in the one that writes down what came of it.
 */
import type { StorageTask } from "@holdfast/cloud/hosts";
import type {
  BackupId,
  HostId,
  ImageId,
  InstanceId,
  SnapshotId,
  VolumeId,
} from "@holdfast/kernel/ids";
import type { Problem, ProblemView } from "@holdfast/kernel/problem";
import { problem, viewOf } from "@holdfast/kernel/problem";
import { after, type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { hostFor, meanings, type StorageHost, type TaskKind } from "../core/tasks.ts";
import { keyOf } from "./keys.ts";
import { expunge, moveVolumes } from "./states.ts";

/** What a host needs to know besides the id, the pool and, mostly, the volume. */
export type Detail = Readonly<Record<string, unknown>>;

export interface NewTask {
  readonly do: TaskKind;
  /** Whose activity it is. */
  readonly volume: VolumeId;
  /** `volume` here is the one that the host works on, where that is another. */
  readonly detail: Detail;
  readonly snapshot?: SnapshotId;
  readonly backup?: BackupId;
  readonly image?: ImageId;
  /** What is done before, on another volume: it has that much more time. */
  readonly waitsFor?: TaskKind;
}

export interface Asker {
  readonly now: Instant;
  readonly actor: string;
  readonly requestId?: string | undefined;
}

export async function insertTasks(
  sql: Sql,
  tasks: readonly NewTask[],
  { now, actor, requestId }: Asker,
): Promise<void> {
  if (tasks.length === 0) return;
  const rows = tasks.map(({ waitsFor, ...task }) => {
    const before = waitsFor ? after(now, meanings[waitsFor].patience) : now;
    return { ...task, deadline: iso(after(before, meanings[task.do].patience)) };
  });
  // One after the other: that is the order in which those of one volume are done.
  await sql.query(
    `insert into storage_task (id, volume_id, "do", detail, snapshot_id, backup_id, image_id, created_at, deadline, actor, request_id)
     select gen_random_uuid(), d.volume, d."do", d.detail, d.snapshot, d.backup, d.image, $2::timestamptz, d.deadline, $3, $4
     from rows from (json_to_recordset($1::json) as (volume uuid, "do" text, detail jsonb, snapshot uuid, backup uuid,
       image uuid, deadline timestamptz)) with ordinality d order by d.ordinality`,
    [JSON.stringify(rows), iso(now), actor, requestId ?? null],
  );
}

interface OpenRow {
  readonly id: string;
  readonly do: TaskKind;
  readonly volume: VolumeId;
  readonly pool: string;
  readonly volumeHost: HostId | null;
  readonly home: HostId | null;
  readonly host: HostId | null;
}

/**
 * Gives each task that is next for its volume to a host. Returns those hosts that have more to do now. A task
 * that nobody can do waits, and so does one of an instance that is on its way to another host.
 */
export async function assignTasks(sql: Sql, now: Instant): Promise<readonly HostId[]> {
  const waiting = await sql.query<{ id: string; owner: InstanceId | null }>(
    `select t.id, ${ownerOf("t.volume_id")} as owner
     from (select distinct on (volume_id) * from storage_task order by volume_id, seq) t
       left join host h on h.id = t.host_id
     where (t.host_id is null or h.state = 'down') and coalesce(t.not_before <= $1, true)
     order by t.seq limit 1000`,
    [iso(now)],
  );
  if (waiting.length === 0) return [];
  const held = await holdOwners(
    sql,
    waiting.flatMap(({ owner }) => owner ?? []),
  );
  const rows = await sql.query<OpenRow>(
    `select t.id, t."do", t.volume_id as volume, v.pool, v.host_id as "volumeHost", i.home, t.host_id as host
     from storage_task t join volume v on v.id = t.volume_id left join instance i on i.id = ${ownerOf("v.id")}
     where t.id = any($1) and (t."do" <> 'snapshot' or v.state <> 'creating') and (t."do" = 'remove-backup' or i.id is null or i.id = any($2) and not exists (
       select from migration g where g.instance_id = i.id and g.state in ('preparing', 'copying')))
     order by t.seq`,
    [waiting.map(({ id }) => id), held],
  );
  if (rows.length === 0) return [];
  const hosts = await readHosts(sql);
  const given = rows.flatMap(({ id, ...task }) => {
    const host = hostFor(task, hosts);
    return host && host !== task.host ? [{ id, host }] : [];
  });
  if (given.length === 0) return [];
  await sql.query(
    `update storage_task t set host_id = d.host from unnest($1::uuid[], $2::uuid[]) d (id, host) where t.id = d.id`,
    [given.map(({ id }) => id), given.map(({ host }) => host)],
  );
  // Whatever it makes of a volume is there from now on: to delete that means to ask a host. Of a copy, the copy.
  await sql.query(
    `update volume v set host_id = t.host_id from storage_task t
     where t.id = any($1) and v.id = ${madeBy("t")} and v.host_id is null and t."do" <> 'remove-backup'`,
    [given.map(({ id }) => id)],
  );
  return [...new Set(given.map(({ host }) => host))];
}

/** For queries: a task of one volume may be about a copy of it. */
export const madeBy = (task: string) =>
  `case ${task}."do" when 'copy' then (${task}.detail->>'volume')::uuid else ${task}.volume_id end`;

const ownerOf = (
  volume: string,
) => `coalesce((select a.instance_id from attachment a where a.volume_id = ${volume}),
  (select r.id from instance r where r.volume_id = ${volume}))`;

/**
 * Whoever begins to move an instance holds it, and looks at what was given to hosts by then: so it is held here as
 * well, and looked at afterwards. What somebody else has in hand waits for the next round.
 */
async function holdOwners(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<readonly InstanceId[]> {
  const rows = await sql.query<{ id: InstanceId }>(
    "select id from instance where id = any($1) order by id for update skip locked",
    [instances],
  );
  return rows.map(({ id }) => id);
}

async function readHosts(sql: Sql): Promise<ReadonlyMap<HostId, StorageHost>> {
  const rows = await sql.query<StorageHost & { pools: string[] | string }>(
    "select id, name, state, mode, pools from host",
  );
  return new Map(rows.map((host) => [host.id, host]));
}

/** All that each of these hosts should be doing. */
export async function tasksOf(
  sql: Sql,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, readonly StorageTask[]>> {
  const rows = await sql.query<{
    id: string;
    host: HostId;
    do: TaskKind;
    volume: VolumeId;
    pool: string;
    detail: Detail;
    key: string | null;
    fromKey: string | null;
  }>(
    `select t.id, t.host_id as host, t."do", t.volume_id as volume, v.pool, t.detail, ${keyOf("w")} as key, ${keyOf("f")} as "fromKey"
     from storage_task t join volume v on v.id = t.volume_id
       left join volume w on w.id = coalesce((t.detail->>'volume')::uuid, t.volume_id)
       left join volume f on f.id = (t.detail->>'from')::uuid and t."do" in ('restore', 'copy')
     where t.host_id = any($1) order by t.seq`,
    [hosts],
  );
  const told = new Map<HostId, StorageTask[]>();
  for (const { host, detail, key, fromKey, ...rest } of rows) {
    const keys = { ...(key === null ? {} : { key }), ...(fromKey === null ? {} : { fromKey }) };
    const task = { ...rest, ...detail, ...keys } as StorageTask; // Whoever asked for it has put the rest in.
    told.set(host, [...(told.get(host) ?? []), task]);
  }
  return told;
}

/** What these instances' volumes are used for ends now, because the instances do. */
export async function cancelActivities(sql: Sql, instances: readonly InstanceId[]): Promise<void> {
  if (instances.length === 0) return;
  const rows = await sql.query<{ id: VolumeId }>(
    `select volume_id as id from instance where id = any($1)
     union select volume_id from attachment where instance_id = any($1)`,
    [instances],
  );
  await cancelTasks(
    sql,
    rows.map(({ id }) => id),
  );
}

const cancellable = Object.entries(meanings)
  .filter(([, { isForever }]) => !isForever)
  .map(([kind]) => kind);

/** Whatever is under way with these volumes is given up. What has to be cleaned away is still. */
export async function cancelTasks(sql: Sql, volumes: readonly VolumeId[]): Promise<void> {
  if (volumes.length === 0) return;
  const theirs = `(t.volume_id = any($1) or ${madeBy("t")} = any($1)) and t."do" = any($2)`;
  const found = await sql.query<{ made: VolumeId }>(
    `select ${madeBy("t")} as made from storage_task t where ${theirs}`,
    [volumes, cancellable],
  );
  if (found.length === 0) return;
  // Copies are held after what they are made of and before the task, here as where they end.
  await sql.query("select from volume where id = any($1) order by id for update", [
    found.map(({ made }) => made),
  ]);
  const gone = await sql.query<Ended>(
    `delete from storage_task t where ${theirs}
     returning id, "do", volume_id as volume, detail, snapshot_id as snapshot, backup_id as backup, image_id as image`,
    [volumes, cancellable],
  );
  for (const task of gone) await failed(sql, task, viewOf(cancelled()));
}

/** A task whose row is gone. */
export interface Ended {
  readonly do: TaskKind;
  readonly volume: VolumeId;
  readonly detail: Detail;
  readonly snapshot: SnapshotId | null;
  readonly backup: BackupId | null;
  readonly image: ImageId | null;
}

/** The same as `madeBy`. */
export const madeOf = ({ do: what, volume, detail }: Pick<Ended, "do" | "volume" | "detail">) =>
  what === "copy" ? (detail.volume as VolumeId) : volume; // As it was asked for.

/** Writes down that what was asked for did not come about, and why. */
export async function failed(sql: Sql, task: Ended, why: ProblemView): Promise<void> {
  const says = JSON.stringify(why);
  switch (task.do) {
    case "make":
    case "copy": {
      const volume = madeOf(task);
      await moveVolumes(sql, [{ volume, event: "opFailed" }]);
      await sql.query("update volume set problem = $2::jsonb where id = $1", [volume, says]);
      // What was to be kept in it is not: there is nothing in it.
      await sql.query(`delete from storage_task where volume_id = $1 and "do" = 'snapshot'`, [
        volume,
      ]);
      await sql.query(
        "update snapshot set state = 'failed', problem = $2::jsonb where lies_in = $1 and state = 'making'",
        [volume, says],
      );
      return;
    }
    case "resize":
    case "check":
      await sql.query("update volume set problem = $2::jsonb where id = $1", [task.volume, says]);
      return;
    case "snapshot":
      await sql.query(
        "update snapshot set state = 'failed', problem = $2::jsonb where id = $1 and state = 'making'",
        [task.snapshot, says],
      );
      return;
    case "remove-snapshot":
      // It is what it was before.
      await sql.query(
        `update snapshot set state = case when made_at is null then 'failed' else 'ready' end, problem = $2::jsonb
         where id = $1 and state = 'deleting'`,
        [task.snapshot, JSON.stringify({ ...why, fix: orForget(why.fix ?? "Look at its volume") })],
      );
      return;
    case "extract":
      await sql.query(
        "update image set state = 'failed', problem = $2::jsonb where id = $1 and state = 'importing'",
        [task.image, says],
      );
      return;
    case "backup":
    case "remove-backup":
      await sql.query(
        "update backup set state = 'failed', problem = $2::jsonb where id = $1 and state = 'making'",
        [task.backup, says],
      );
      return;
    case "restore":
    case "restore-backup": {
      // What was to become of it is deleted; the volume is as it was.
      const made = task.detail.volume as VolumeId; // As it was asked for.
      await sql.query("update volume set problem = $2::jsonb where id = $1", [task.volume, says]);
      if (made === task.volume) await moveVolumes(sql, [{ volume: made, event: "opFailed" }]);
      else await expunge(sql, [made]);
      return;
    }
    case "remove":
      return;
  }
}

/** What can be done about a snapshot that its host cannot remove. */
export const orForget = (fix: string) =>
  `${fix}. Or forget it, which leaves its bytes in the volume: holdfast snapshots delete SNAPSHOT --force`;

const cancelled = (): Problem =>
  problem("conflict", "storage_task_cancelled", "Its instance was destroyed meanwhile.", {
    fix: "Ask for it again once the instance is back.",
  });
