/**
 * What hosts say came of their tasks: the end of a task and all that it means, in one transaction.
 *
 * A result for a task that is not there any more says nothing new: it was recorded before, taken back, or given
 * to another host. It is answered all the same, so that the host stops saying it.
 */
import type { StorageFacts, StorageResult } from "@holdfast/cloud/hosts";
import { finishCapture } from "@holdfast/cloud/images/edge";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { type Kind, kinds, type ProblemView, viewOf } from "@holdfast/kernel/problem";
import { after, type Instant, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { afterFailure } from "../core/tasks.ts";
import { renewWishes } from "./attachments.ts";
import { overdue } from "./refusals.ts";
import { dropReplaced, expungeUnkept, moveVolumes } from "./states.ts";
import { type Ended, failed, madeBy, madeOf } from "./tasks.ts";

interface TaskRow extends Ended {
  readonly id: string;
  readonly attempts: number;
  readonly createdAt: Instant;
  readonly deadline: Instant;
  readonly requestId: string | null;
}

export interface Recorded {
  /** The host may forget these. */
  readonly ids: readonly string[];
  readonly isChanged: boolean;
  /** Whose wishes are newer now. */
  readonly hosts: readonly HostId[];
  /** Due for a look. */
  readonly instances: readonly InstanceId[];
}

export interface Recorder {
  readonly database: Database;
  readonly now: () => Instant;
  readonly self: string;
}

export async function recordResults(
  { database, now: readNow, self }: Recorder,
  host: HostId,
  results: readonly StorageResult[],
): Promise<Recorded> {
  const ended = results.filter(({ is }) => is !== "progress");
  const ids = ended.map(({ id }) => id);
  if (ids.length === 0) return { ids, isChanged: false, hosts: [], instances: [] };
  return database.transaction(async (sql) => {
    const now = readNow();
    const tasks = await holdTasks(sql, host, ids);
    const done: Effects = { hosts: new Set(), instances: new Set(), rows: [] };
    for (const task of tasks) {
      const result = ended.find(({ id }) => id === task.id);
      if (result) await close(sql, task, result, now, done);
    }
    await appendJournal(sql, done.rows);
    const [hosts, instances] = [[...done.hosts], [...done.instances]];
    if (tasks.length > 0)
      await announce(sql, {
        ...{ from: self, volumes: true },
        ...(hosts.length > 0 ? { wishes: hosts } : {}),
        ...(instances.length > 0 ? { instances, images: true } : {}),
      });
    return { ids, isChanged: tasks.length > 0, hosts, instances };
  });
}

interface Effects {
  readonly hosts: Set<HostId>;
  readonly instances: Set<InstanceId>;
  readonly rows: JournalRow[];
}

/** Instances before volumes before tasks. A task that another host has by now is none of this one's. */
async function holdTasks(
  sql: Sql,
  host: HostId,
  ids: readonly string[],
): Promise<readonly TaskRow[]> {
  const volumes = await sql.query<{ volume: VolumeId }>(
    `select distinct unnest(array[t.volume_id, ${madeBy("t")}]) as volume from storage_task t
     where t.id = any($1::uuid[]) and t.host_id = $2`,
    [ids, host],
  );
  if (volumes.length === 0) return [];
  const held = volumes.map(({ volume }) => volume);
  await sql.query(
    `select from instance where volume_id = any($1) or id in (select instance_id from attachment where volume_id = any($1))
     order by id for update`,
    [held],
  );
  await sql.query("select from volume where id = any($1) order by id for update", [held]);
  return sql.query<TaskRow>(
    `select ${columns} from storage_task where id = any($1::uuid[]) and host_id = $2 order by seq for update`,
    [ids, host],
  );
}

const columns = `id, "do", volume_id as volume, detail, snapshot_id as snapshot, backup_id as backup,
  image_id as image, attempts, created_at as "createdAt", deadline, request_id as "requestId"`;

async function close(
  sql: Sql,
  task: TaskRow,
  result: StorageResult,
  now: Instant,
  effects: Effects,
): Promise<void> {
  if (result.is === "done") {
    await sql.query("delete from storage_task where id = $1", [task.id]);
    await mean(sql, task, result.result ?? {}, now, effects);
    tell(effects, task, now, "Done", result.result);
    return;
  }
  const end = afterFailure(task, problemOf(result), now);
  if (end.is === "again") {
    // Under a new id, because this one has ended for its host.
    await sql.query(
      `update storage_task set id = gen_random_uuid(), host_id = null, attempts = attempts + 1, problem = $2::jsonb,
         not_before = $3${end.isLast ? ", seq = default" : ""} where id = $1`,
      [task.id, JSON.stringify(end.problem), iso(after(now, end.pause))],
    );
    return;
  }
  if (end.is === "failed") await giveUp(sql, task, end.problem, now, effects);
}

async function giveUp(
  sql: Sql,
  task: TaskRow,
  why: ProblemView,
  now: Instant,
  effects: Effects,
): Promise<void> {
  await sql.query("delete from storage_task where id = $1", [task.id]);
  await failed(sql, task, why);
  await lookAtOwner(sql, task, now, effects);
  tell(effects, task, now, "Failed", why);
}

function tell(
  { rows }: Effects,
  task: TaskRow,
  at: Instant,
  end: "Done" | "Failed",
  detail: unknown,
): void {
  const { do: what, requestId, snapshot, backup, image } = task;
  const event = `${what.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())}${end}`;
  rows.push({
    ...{ at, kind: "volume", subject: madeOf(task), event, actor: "holdfast" },
    ...(requestId === null ? {} : { requestId }),
    detail: { ...{ snapshot, backup, image }, ...(typeof detail === "object" ? detail : {}) },
  });
}

/** What is so now that it is done. */
async function mean(
  sql: Sql,
  task: TaskRow,
  facts: StorageFacts,
  now: Instant,
  effects: Effects,
): Promise<void> {
  const { volume, detail } = task;
  switch (task.do) {
    case "make":
    case "copy":
      return made(sql, madeOf(task), effects);
    case "resize":
      await sql.query(
        "update volume set actual_bytes = coalesce($2, size_bytes), problem = null where id = $1",
        [volume, facts.virtualBytes ?? null],
      );
      return;
    case "check":
      return noteCheck(sql, volume, facts, now);
    case "snapshot":
      await sql.query(
        `update snapshot set state = 'ready', made_at = $2, guest = $3, bytes = coalesce($4, bytes), problem = null
         where id = $1 and state = 'making'`,
        [task.snapshot, iso(now), facts.guest ?? null, facts.virtualBytes ?? null],
      );
      return;
    case "remove-snapshot":
      await sql.query("delete from snapshot where id = $1", [task.snapshot]);
      await dropReplaced(sql, volume);
      return expungeUnkept(sql, volume);
    case "extract":
      if (task.image && facts.digest)
        for (const id of await finishCapture(
          sql,
          task.image,
          { digest: facts.digest, virtualBytes: facts.virtualBytes ?? 1 },
          now,
        ))
          effects.instances.add(id);
      return;
    case "backup":
      await sql.query(
        `update backup set state = 'ready', made_at = $2, bytes = coalesce($3, bytes), used_bytes = $4, problem = null,
           since = (select id from backup where id = as_uuid($5)) where id = $1 and state = 'making'`,
        [
          task.backup,
          iso(now),
          facts.virtualBytes ?? null,
          facts.usedBytes ?? null,
          facts.since ?? null,
        ],
      );
      return;
    case "remove-backup":
      // Whatever was built upon it is built upon what was below it.
      await sql.query(
        "update backup set since = (select since from backup where id = $1) where since = $1",
        [task.backup],
      );
      await sql.query("delete from backup where id = $1", [task.backup]);
      return;
    case "restore":
    case "restore-backup": {
      const fresh = detail.volume as VolumeId; // As it was asked for.
      await moveVolumes(sql, [{ volume: fresh, event: "created" }]);
      await sql.query("update volume set actual_bytes = size_bytes where id = $1", [fresh]);
      if (fresh !== volume) await replace(sql, volume, fresh);
      await lookAtOwner(sql, { ...task, volume: fresh }, now, effects);
      effects.rows.push({
        ...{ at: now, kind: "volume", subject: fresh, event: "tookOver", actor: "holdfast" },
        detail: { from: volume },
      });
      return;
    }
    case "remove":
      await moveVolumes(sql, [{ volume, event: "released" }]);
      return;
  }
}

async function made(sql: Sql, volume: VolumeId, effects: Effects): Promise<void> {
  await moveVolumes(sql, [{ volume, event: "created" }]);
  await sql.query("update volume set problem = null where id = $1", [volume]);
  await renewOwner(sql, volume, effects);
}

/**
 * The new one is what people see from now on; whoever had the old one has the new one. The old one is kept while
 * snapshots lie in it, and deleted if there are none.
 */
async function replace(sql: Sql, old: VolumeId, fresh: VolumeId): Promise<void> {
  const [was] = await sql.query<{ name: string | null }>("select name from volume where id = $1", [
    old,
  ]);
  await sql.query(
    "update volume set name = null, successor_id = $2, problem = null where id = $1",
    [old, fresh],
  );
  await sql.query("update volume set name = $2, successor_id = null where id = $1", [
    fresh,
    was?.name ?? null,
  ]);
  // What lies in still older ones is of the new one as well.
  await sql.query("update volume set successor_id = $2 where successor_id = $1 and id <> $2", [
    old,
    fresh,
  ]);
  await sql.query(
    "update instance set volume_id = $2, version = version + 1 where volume_id = $1",
    [old, fresh],
  );
  await sql.query("update attachment set volume_id = $2 where volume_id = $1", [old, fresh]);
  for (const table of ["snapshot", "backup", "backup_schedule", "storage_task"])
    await sql.query(`update ${table} set volume_id = $2 where volume_id = $1`, [old, fresh]);
  await sql.query("update tag set resource = $2 where resource = $1", [old, fresh]);
  await moveVolumes(sql, [{ volume: old, event: "destroy" }]);
  await dropReplaced(sql, fresh);
}

/** Damage is a state: nothing that is damaged is copied, and everybody is told. */
async function noteCheck(
  sql: Sql,
  volume: VolumeId,
  { is = "unknown", why }: StorageFacts,
  now: Instant,
): Promise<void> {
  await sql.query("update volume set checked = $2::jsonb, checked_at = $3 where id = $1", [
    volume,
    JSON.stringify({ is, why: why ?? null }),
    iso(now),
  ]);
  if (is === "damaged" || is === "missing") await moveVolumes(sql, [{ volume, event: "damaged" }]);
  if (is !== "sound") return;
  // What was thought damaged is whole: its file was put back, or mended.
  const [mended] = await sql.query(
    "select from volume where id = $1 and state = 'failed' and host_id is not null",
    [volume],
  );
  if (!mended) return;
  await moveVolumes(sql, [{ volume, event: "create" }]);
  await moveVolumes(sql, [{ volume, event: "created" }]);
  await sql.query("update volume set problem = null where id = $1", [volume]);
}

async function ownersOf(
  sql: Sql,
  volume: VolumeId,
): Promise<readonly { readonly id: InstanceId; readonly home: HostId | null }[]> {
  return sql.query(
    `select id, home from instance where volume_id = $1
       or id in (select instance_id from attachment where volume_id = $1)`,
    [volume],
  );
}

/** Its wish names a disk more than it did. */
async function renewOwner(sql: Sql, volume: VolumeId, { hosts }: Effects): Promise<void> {
  const owners = await ownersOf(sql, volume);
  for (const host of await renewWishes(
    sql,
    owners.map(({ id }) => id),
  ))
    hosts.add(host);
}

/** It may have waited for that. */
async function lookAtOwner(
  sql: Sql,
  { volume }: Pick<TaskRow, "volume">,
  now: Instant,
  { instances }: Effects,
): Promise<void> {
  const rows = await sql.query<{ id: InstanceId }>(
    `update instance set look_at = $2 where (volume_id = $1 or id in (select instance_id from attachment where volume_id = $1))
       and state in ('stopped', 'failed') returning id`,
    [volume, iso(now)],
  );
  for (const { id } of rows) instances.add(id);
}

/** Tasks that nobody has ended in time fail; whoever asked is told. Returns whether there were any. */
export async function failOverdue(sql: Sql, now: Instant): Promise<boolean> {
  const late = await sql.query<{ id: string; host: HostId | null; name: string | null }>(
    `select t.id, t.host_id as host, h.name from storage_task t left join host h on h.id = t.host_id
     where t.deadline <= $1 and t."do" <> all($2)`,
    [iso(now), ["remove", "remove-snapshot", "remove-backup"]],
  );
  for (const { id, host, name } of late) {
    const [task] = host
      ? await holdTasks(sql, host, [id])
      : await sql.query<TaskRow>(`select ${columns} from storage_task where id = $1 for update`, [
          id,
        ]);
    if (!task) continue;
    const effects: Effects = { hosts: new Set(), instances: new Set(), rows: [] };
    await giveUp(sql, task, viewOf(overdue(task.do, task.createdAt, name)), now, effects);
    await appendJournal(sql, effects.rows);
  }
  return late.length > 0;
}

/** Hosts say kinds as text; one that nobody knows is taken for something that passes. */
function problemOf({ problem }: StorageResult): ProblemView {
  if (!problem)
    return {
      kind: "unavailable",
      code: "storage_task_failed",
      message: "Its host did not say why.",
    };
  const { kind, code, message, fix } = problem;
  const known: Kind = Object.hasOwn(kinds, kind) ? (kind as Kind) : "unavailable"; // Looked up just now.
  return { kind: known, code, message, ...(fix === undefined ? {} : { fix }) };
}
