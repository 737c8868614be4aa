/** Why volumes cannot be had as asked. Each code has a page in docs/problems/. */
import { type Problem, problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type ActivityRequest, judge } from "../core/activities.ts";
import { localPool } from "../core/model.ts";
import { activitiesOf, type HeldSnapshot, type HeldVolume } from "./lookup.ts";

/** Throws `volume_busy`, which says who holds it, unless this may go on beside, after or over what is under way. */
export function permit(volume: HeldVolume, request: ActivityRequest): void {
  const holder = holderOf(volume, request);
  if (!holder) return;
  const { activity, by, since, until } = holder;
  throw problem(
    "conflict",
    "volume_busy",
    `A ${activity} of ${volume.name} is under way: ${by} asked for it at ${iso(since)}.`,
    {
      fix: `Wait until it is done: holdfast volumes show ${volume.name}`,
      retryAfterSeconds: 5,
      facts: { activity, by, since, until },
    },
  );
}

const holderOf = (volume: HeldVolume, request: ActivityRequest) =>
  activitiesOf(volume).find(({ activity }) =>
    ["refuse", "impossible"].includes(judge(request, [activity])),
  );

/**
 * All that stands in the way of a copy of a snapshot that another project shares. What is under way with the volume, and
 * what that and its instance are called, is not for whoever copies.
 */
export function permitToOthers({ name, state }: HeldSnapshot, volume: HeldVolume): void {
  if (holderOf(volume, "snapshot") || volume.instance?.state === "migrating")
    throw problem("conflict", "volume_busy", `The volume that ${name} lies in is busy.`, {
      fix: "Ask again in a while",
      retryAfterSeconds: 5,
    });
  if (state === "ready" && volume.state === "ready") return;
  throw problem("conflict", "snapshot_not_ready", `${name} cannot be read at the moment.`, {
    fix: "Ask the project that shares it",
  });
}

/** Only what is made and whole can be copied or kept. */
export function mustBeMade({ name, state, instance }: HeldVolume): void {
  if (state === "ready") return;
  const fix =
    state === "failed"
      ? `See what is wrong with it: holdfast volumes show ${name}`
      : instance
        ? `Start ${instance.name}: it is made where that runs`
        : `Attach it to an instance: it is made where that runs. holdfast volumes attach ${name} INSTANCE`;
  throw problem("conflict", "volume_not_made", `${name} is ${state}: there is nothing in it yet.`, {
    fix,
    facts: { state },
  });
}

/** A restore puts another file into the place of the one that a guest may have open. */
export function mustBeStopped({ name, instance }: HeldVolume): void {
  if (!instance?.home) return;
  throw problem(
    "conflict",
    "instance_not_stopped",
    `${name} belongs to ${instance.name}, which is ${instance.state}.`,
    {
      fix: `Stop it first: holdfast stop ${instance.name} --wait`,
      facts: { state: instance.state },
    },
  );
}

/** A move takes the disks along as they are: the destination is launched with what the source has. */
export function mustNotMove({ name, instance }: HeldVolume): void {
  if (instance?.state !== "migrating") return;
  throw problem(
    "conflict",
    "not_in_this_state",
    `${instance.name} is on its way to another host, and takes ${name} along as it is.`,
    {
      fix: "Ask again when it is there: holdfast migrations",
      retryAfterSeconds: 5,
      facts: { state: instance.state },
    },
  );
}

export interface Rules {
  readonly reserve: number;
  readonly mostVolumes: number;
  readonly mostSnapshots: number;
  readonly mostDisks: number;
  readonly backupPlace: string;
}

/** Rejects with `pool_full` if those who know say so. Where nobody has measured yet, nothing is refused. */
export async function checkRoom(
  sql: Sql,
  { pool, host }: { readonly pool: string; readonly host: string | null },
  { reserve }: Rules,
): Promise<void> {
  if (pool === localPool && !host) return; // It is made wherever its instance will be.
  const [room] = await sql.query<{ total: number; free: number; host: string }>(
    `select r.total_bytes as total, r.free_bytes as free, h.name as host from pool_room r join host h on h.id = r.host_id
     where r.pool = $1 and ($1 <> 'local' or r.host_id = $2) order by r.heard_at desc limit 1`,
    [pool, host],
  );
  if (!room || room.free >= room.total * reserve) return;
  const where = pool === localPool ? `The disk of ${room.host}` : `The pool ${pool}`;
  const percent = Math.round((100 * room.free) / Math.max(1, room.total));
  throw problem(
    "exhausted",
    "pool_full",
    `${where} has ${percent} % left; nothing new is made in it.`,
    {
      fix: "Delete volumes or snapshots that nobody needs (holdfast volumes, holdfast snapshots), use another pool, or give it more room",
      facts: { pool, totalBytes: room.total, freeBytes: room.free },
    },
  );
}

export const nameTaken = (what: string, name: string, list: string): Problem =>
  problem("conflict", "name_taken", `There is ${what} ${name} in this project.`, {
    fix: `Choose another name, or delete that one: ${list}`,
    faults: [{ field: "body.name", reason: "is taken" }],
  });

export const cannotShrink = (name: string, bytes: number): Problem =>
  problem(
    "invalid",
    "volume_cannot_shrink",
    `${name} has ${bytes / gib} GiB, and a file system on it may use all of them.`,
    {
      fix: "Make a smaller volume and copy what is needed",
      faults: [{ field: "body.sizeGiB", reason: `must be at least ${Math.ceil(bytes / gib)}` }],
    },
  );
const gib = 2 ** 30;

export const tooManyVolumes = (count: number, most: number): Problem =>
  problem(
    "exhausted",
    "too_many_volumes",
    `This project has ${count} volumes; ${most} is the limit.`,
    {
      fix: "Delete some (holdfast volumes), or raise it: holdfast settings set volumes.most N",
      facts: { count, most },
    },
  );

export const tooManySnapshots = (volume: string, count: number, most: number): Problem =>
  problem(
    "exhausted",
    "too_many_snapshots",
    `${volume} has ${count} snapshots; ${most} is the limit.`,
    {
      fix: `Delete some (holdfast snapshots --volume ${volume}), or raise it: holdfast settings set volumes.most_snapshots N`,
      facts: { count, most },
    },
  );

export const tooManyDisks = (instance: string, most: number): Problem =>
  problem(
    "exhausted",
    "too_many_disks",
    `${instance} has ${most} disks, and ${most} is the limit.`,
    {
      fix: "Detach one (holdfast volumes), or raise it: holdfast settings set volumes.most_disks N",
      facts: { most },
    },
  );

export const snapshotInUse = (
  name: string,
  { by, since }: { readonly by: string; readonly since: Instant },
): Problem =>
  problem(
    "conflict",
    "volume_busy",
    `Something is being made of ${name}: ${by} asked for it at ${iso(since)}.`,
    {
      fix: "Wait until it is done, or delete what is being made",
      retryAfterSeconds: 5,
      facts: { by, since },
    },
  );

export const volumeInUse = (volume: string, instance: string): Problem =>
  problem("conflict", "volume_in_use", `${volume} is attached to ${instance}.`, {
    fix: `Detach it first: holdfast volumes detach ${volume}`,
    facts: { instance },
  });

export const placeUnset = (): Problem =>
  problem("conflict", "backup_place_unset", "Nobody has said where backups are kept.", {
    fix: "An operator can: holdfast settings set backups.place /srv/backups",
  });

export const overdue = (what: string, since: Instant, host: string | null): Problem =>
  problem(
    "unavailable",
    "storage_task_overdue",
    host
      ? `${host} was asked at ${iso(since)} to do it (${what}), and has not said that it is done.`
      : `Nobody could do it (${what}) since ${iso(since)}: no host that is up reaches the volume, or its instance was being moved.`,
    {
      fix: "See whether its host is up (holdfast hosts) and its instance is moved (holdfast migrations), then ask again",
    },
  );
