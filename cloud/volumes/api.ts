/** What the world may ask about volumes, snapshots and backups. Pure declarations; edge/routes.ts answers them. */

import { ImageView } from "@holdfast/cloud/images/api";
import { Name } from "@holdfast/cloud/instances/api";
import { TagFilter, Tags, TagsShown } from "@holdfast/cloud/tags";
import { route } from "@holdfast/kernel/route";
import { Label, Next, Page, ProblemShape, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { volumeLifecycle } from "./core/lifecycle.ts";
import { volumeKinds } from "./core/model.ts";
import { taskKinds } from "./core/tasks.ts";

const none = z.strictObject({});
const NameOrId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a name or an id");
/** `web.root` is the root volume of web, and so is `web` if no volume is called so. */
const VolumeName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}(\.(root|ephemeral))?$/,
    "must be the name or id of a volume, or INSTANCE.root",
  );
const inProject = z.object({ project: ProjectParam });
const ofVolume = inProject.extend({ volume: VolumeName.describe("Its name or id.") });
const ofSnapshot = inProject.extend({ snapshot: NameOrId.describe("Its name or id.") });
const ofBackup = inProject.extend({ backup: z.uuid() });

const SizeGiB = z.number().int().min(1).max(65_536);
export const Limits = z.strictObject({
  iops: z
    .number()
    .int()
    .min(10)
    .max(10_000_000)
    .nullable()
    .default(null)
    .describe("Requests per second, reads and writes together; null: no limit of its own."),
  bytesPerSecond: z
    .number()
    .int()
    .min(65_536)
    .max(1_000_000_000_000)
    .nullable()
    .default(null)
    .describe("The same in bytes."),
});

/** Something that a host has been asked to do, and has not said the end of. */
const Doing = z.object({
  do: z.enum(taskKinds),
  since: z.number(),
  deadline: z.number().nullable().describe("Null: it is tried until it is done."),
  by: z.string().describe("Who asked for it."),
  host: z
    .string()
    .nullable()
    .describe("Who does it; null: nobody can yet, or its turn comes later."),
  attempts: z.number().int().describe("How often it was tried in vain."),
  problem: ProblemShape.nullable().describe("Why, the last time."),
});

const Schedule = z.object({
  everyMinutes: z.number().int(),
  keep: z.object({ hourly: z.number().int(), daily: z.number().int(), weekly: z.number().int() }),
  nextAt: z.number(),
  lastAt: z.number().nullable().describe("The moment of its latest backup that is ready."),
});

export const attachmentStates = [
  "waiting",
  "attached",
  "detaching",
  "detach-refused",
  "attach-failed",
  "too-small",
  "stopped",
] as const;

export const VolumeView = z.object({
  id: z.string(),
  name: z.string().describe("Of an instance's own volume: INSTANCE.root, INSTANCE.ephemeral."),
  project: z.string(),
  kind: z.enum(volumeKinds),
  state: z.enum(volumeLifecycle.states),
  sizeBytes: z.number().int().describe("As big as it should be."),
  actualBytes: z.number().int().nullable().describe("As big as it was seen to be."),
  pool: z.string(),
  host: z.string().nullable().describe("Where it lies, or was used last; null: it is not made."),
  limits: z.object({ iops: z.number().nullable(), bytesPerSecond: z.number().nullable() }),
  instance: z.string().nullable().describe("The name of the instance that it is a disk of."),
  slot: z.number().int().nullable().describe("0 is the root volume."),
  deleteWithInstance: z.boolean(),
  deleteWithSnapshots: z
    .boolean()
    .describe("It was made for a copy of a snapshot, and goes with the last one in it."),
  attachment: z
    .enum(attachmentStates)
    .nullable()
    .describe("How it is to its guest; `stopped`: that does not run."),
  problem: ProblemShape.nullable().describe("What is wrong with it, or with attaching it."),
  doing: z.array(Doing).describe("In the order in which it is done."),
  snapshots: z.number().int(),
  backups: z.number().int(),
  schedule: Schedule.nullable(),
  fromSnapshot: z.string().nullable().describe("The id of the snapshot that it was made of."),
  fromBackup: z.string().nullable().describe("The id of the backup that it was made of."),
  checked: z
    .object({
      is: z.enum(["sound", "missing", "damaged", "unknown"]),
      why: z.string().nullable(),
      at: z.number(),
    })
    .nullable()
    .describe("The last look at it."),
  tags: TagsShown,
  createdAt: z.number(),
});
export type VolumeView = z.output<typeof VolumeView>;

const volumeFails = { volume_not_found: "not_found" } as const;
const busyFails = { ...volumeFails, volume_busy: "conflict" } as const;

export const createVolume = route({
  method: "POST",
  path: "/v1/projects/:project/volumes",
  summary:
    "Make a volume. On a pool `local` it is made on the host of the instance that it is attached to.",
  needs: "project:operate",
  params: inProject,
  query: none,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
    sizeGiB: SizeGiB,
    pool: Label.optional().describe("The setting `volumes.default_pool` if absent."),
    limits: Limits.optional(),
  }),
  reply: [201, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    name_taken: "conflict",
    pool_not_found: "not_found",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const listVolumes = route({
  method: "GET",
  path: "/v1/projects/:project/volumes",
  summary: "The volumes of a project, oldest first, also those that belong to an instance.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ tag: TagFilter.optional() }),
  body: z.undefined(),
  reply: [200, z.object({ volumes: z.array(VolumeView), next: Next })],
  fails: { cursor_not_valid: "invalid" },
});

export const getVolume = route({
  method: "GET",
  path: "/v1/projects/:project/volumes/:volume",
  summary: "One volume.",
  needs: "project:read",
  params: ofVolume,
  query: none,
  body: z.undefined(),
  reply: [200, VolumeView],
  fails: volumeFails,
});

export const attachVolume = route({
  method: "POST",
  path: "/v1/projects/:project/volumes/:volume/attach",
  summary: "Make a volume a disk of an instance, also while it runs.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({
    instance: NameOrId,
    deleteWithInstance: z
      .boolean()
      .default(false)
      .describe("Delete the volume when the instance is expunged."),
  }),
  reply: [200, VolumeView],
  fails: {
    ...busyFails,
    instance_not_found: "not_found",
    not_in_this_state: "conflict",
    volume_in_use: "conflict",
    volume_not_attachable: "conflict",
    volume_elsewhere: "conflict",
    pool_out_of_reach: "conflict",
    too_many_disks: "exhausted",
  },
});

export const detachVolume = route({
  method: "POST",
  path: "/v1/projects/:project/volumes/:volume/detach",
  summary:
    "Take a volume away from its instance. A guest that runs is asked first, and may refuse for a while.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({}),
  reply: [200, VolumeView],
  fails: {
    ...busyFails,
    not_in_this_state: "conflict",
    volume_not_attached: "conflict",
    volume_not_detachable: "conflict",
  },
});

export const resizeVolume = route({
  method: "POST",
  path: "/v1/projects/:project/volumes/:volume/resize",
  summary: "Make a volume bigger, also while its guest uses it.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({ sizeGiB: SizeGiB }),
  reply: [200, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    ...busyFails,
    not_in_this_state: "conflict",
    volume_cannot_shrink: "invalid",
    pool_full: "exhausted",
  },
});

export const limitVolume = route({
  method: "PUT",
  path: "/v1/projects/:project/volumes/:volume/limits",
  summary:
    "How much its guest may ask of a volume, from now on. What is null is as the instance's type says for its root volume, and unlimited for others.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: Limits,
  reply: [200, VolumeView],
  fails: volumeFails,
});

export const deleteVolume = route({
  method: "DELETE",
  path: "/v1/projects/:project/volumes/:volume",
  summary: "Delete a volume that is attached to nothing, with its snapshots. Backups stay.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.undefined(),
  reply: [200, VolumeView],
  fails: { ...volumeFails, volume_in_use: "conflict" },
});

export const checkVolume = route({
  method: "POST",
  path: "/v1/projects/:project/volumes/:volume/check",
  summary:
    "Look whether a volume is whole. Of one that a guest uses, only what can be seen without disturbing it.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({}),
  reply: [202, VolumeView],
  fails: { ...volumeFails, volume_not_made: "conflict" },
});

export const createImageFrom = route({
  method: "POST",
  path: "/v1/projects/:project/volumes/:volume/image",
  summary:
    "Make an image from a volume as it is now, also of one that a guest uses: `INSTANCE.root` for an instance's.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({
    name: Name,
    freeze: z
      .boolean()
      .default(true)
      .describe("Have the guest write out its file systems; it is paused if it cannot be asked."),
  }),
  reply: [202, ImageView],
  fails: {
    quota_exceeded: "exhausted",
    ...busyFails,
    name_taken: "conflict",
    volume_not_made: "conflict",
  },
});

export const SnapshotView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  volume: z.string().describe("The name of its volume."),
  volumeId: z.string(),
  state: z.enum(["making", "ready", "failed", "deleting"]),
  sizeBytes: z.number().int(),
  guest: z
    .enum(["frozen", "paused", "went-on", "off"])
    .nullable()
    .describe(
      "What its guest did at that moment; `went-on`: it may have to repair its file systems.",
    ),
  problem: ProblemShape.nullable(),
  createdAt: z.number(),
  madeAt: z.number().nullable(),
  tags: TagsShown,
});
export type SnapshotView = z.output<typeof SnapshotView>;
const snapshotFails = { snapshot_not_found: "not_found" } as const;

export const createSnapshot = route({
  method: "POST",
  path: "/v1/projects/:project/snapshots",
  summary: "Keep a volume as it is now, also while its guest uses it.",
  needs: "project:operate",
  params: inProject,
  query: none,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    volume: VolumeName,
    name: Name,
    freeze: z
      .boolean()
      .default(true)
      .describe("Have the guest write out its file systems; it is paused if it cannot be asked."),
  }),
  reply: [202, SnapshotView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...busyFails,
    name_taken: "conflict",
    volume_not_made: "conflict",
    pool_full: "exhausted",
    too_many_snapshots: "exhausted",
  },
});

export const listSnapshots = route({
  method: "GET",
  path: "/v1/projects/:project/snapshots",
  summary: "The snapshots of a project, oldest first.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ volume: VolumeName.optional(), tag: TagFilter.optional() }),
  body: z.undefined(),
  reply: [200, z.object({ snapshots: z.array(SnapshotView), next: Next })],
  fails: { ...volumeFails, cursor_not_valid: "invalid" },
});

export const getSnapshot = route({
  method: "GET",
  path: "/v1/projects/:project/snapshots/:snapshot",
  summary: "One snapshot.",
  needs: "project:read",
  params: ofSnapshot,
  query: none,
  body: z.undefined(),
  reply: [200, SnapshotView],
  fails: snapshotFails,
});

export const restoreSnapshot = route({
  method: "POST",
  path: "/v1/projects/:project/snapshots/:snapshot/restore",
  summary:
    "Make the volume what it was at a snapshot. Its instance must be stopped. What was written since is lost, the snapshots are not.",
  needs: "project:operate",
  params: ofSnapshot,
  query: none,
  body: z.strictObject({}),
  reply: [202, VolumeView],
  fails: {
    ...snapshotFails,
    ...busyFails,
    snapshot_not_ready: "conflict",
    instance_not_stopped: "conflict",
    pool_full: "exhausted",
  },
});

export const createVolumeFromSnapshot = route({
  method: "POST",
  path: "/v1/projects/:project/snapshots/:snapshot/volume",
  summary:
    "Make a new volume of a snapshot, in the same pool, also while a guest uses the other one. It needs neither the snapshot nor its volume afterwards.",
  needs: "project:operate",
  params: ofSnapshot,
  query: none,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
    sizeGiB: SizeGiB.optional().describe("As big as the snapshot if absent."),
    limits: Limits.optional(),
  }),
  reply: [202, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...snapshotFails,
    ...busyFails,
    not_in_this_state: "conflict",
    snapshot_not_ready: "conflict",
    volume_not_made: "conflict",
    volume_cannot_shrink: "invalid",
    name_taken: "conflict",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const copySnapshot = route({
  method: "POST",
  path: "/v1/projects/:project/snapshots/:snapshot/copy",
  summary:
    "Copy a snapshot into a volume of its own, in the same pool: it is there when the other one and its volume are gone. The volume is called as the copy is, and goes with the last snapshot in it, unless an instance has had it.",
  needs: "project:operate",
  params: ofSnapshot,
  query: none,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
  }),
  reply: [202, SnapshotView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...snapshotFails,
    ...busyFails,
    not_in_this_state: "conflict",
    snapshot_not_ready: "conflict",
    volume_not_made: "conflict",
    name_taken: "conflict",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const createImageFromSnapshot = route({
  method: "POST",
  path: "/v1/projects/:project/snapshots/:snapshot/image",
  summary: "Make an image of a snapshot, which stays.",
  needs: "project:operate",
  params: ofSnapshot,
  query: none,
  body: z.strictObject({ name: Name }),
  reply: [202, ImageView],
  fails: {
    quota_exceeded: "exhausted",
    ...snapshotFails,
    ...busyFails,
    snapshot_not_ready: "conflict",
    name_taken: "conflict",
  },
});

export const deleteSnapshot = route({
  method: "DELETE",
  path: "/v1/projects/:project/snapshots/:snapshot",
  summary: "Delete a snapshot. Its volume is as it is.",
  needs: "project:operate",
  params: ofSnapshot,
  query: none,
  body: z.undefined(),
  reply: [202, SnapshotView],
  fails: { ...snapshotFails, ...busyFails },
});

export const BackupView = z.object({
  id: z.string(),
  project: z.string(),
  volume: z.string().describe("The name that its volume had."),
  volumeId: z.string(),
  state: z.enum(["making", "ready", "failed", "deleting"]),
  sizeBytes: z.number().int().describe("Of the disk."),
  usedBytes: z.number().int().nullable().describe("That it takes in the place for backups."),
  since: z.string().nullable().describe("What it builds on; null: it is a full one."),
  isScheduled: z.boolean(),
  problem: ProblemShape.nullable(),
  createdAt: z.number(),
  madeAt: z.number().nullable(),
});
export type BackupView = z.output<typeof BackupView>;
const backupFails = { backup_not_found: "not_found" } as const;

export const createBackup = route({
  method: "POST",
  path: "/v1/projects/:project/backups",
  summary:
    "Copy a volume to the place for backups: only what has changed since the last one, if there is one.",
  needs: "project:operate",
  params: inProject,
  query: none,
  body: z.strictObject({
    volume: VolumeName,
    full: z.boolean().default(false).describe("Copy all of it, whatever there is."),
  }),
  reply: [202, BackupView],
  fails: {
    quota_exceeded: "exhausted",
    ...busyFails,
    volume_not_made: "conflict",
    backup_place_unset: "conflict",
  },
});

export const listBackups = route({
  method: "GET",
  path: "/v1/projects/:project/backups",
  summary: "The backups of a project, oldest first, also of volumes that are gone.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ volume: VolumeName.optional() }),
  body: z.undefined(),
  reply: [200, z.object({ backups: z.array(BackupView), next: Next })],
  fails: { ...volumeFails, cursor_not_valid: "invalid" },
});

export const getBackup = route({
  method: "GET",
  path: "/v1/projects/:project/backups/:backup",
  summary: "One backup.",
  needs: "project:read",
  params: ofBackup,
  query: none,
  body: z.undefined(),
  reply: [200, BackupView],
  fails: backupFails,
});

export const restoreBackup = route({
  method: "POST",
  path: "/v1/projects/:project/backups/:backup/restore",
  summary:
    "Make its volume what it was at a backup, or, with `name`, a new volume. An instance that has the volume must be stopped.",
  needs: "project:operate",
  params: ofBackup,
  query: none,
  body: z.strictObject({
    name: Name.optional().describe("Of a new data volume; the volume itself if absent."),
    pool: Label.optional().describe("Where that is made; where the volume was, if absent."),
    tags: Tags.optional().describe("Of a new volume; some may be required."),
  }),
  reply: [202, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...backupFails,
    ...busyFails,
    backup_not_ready: "conflict",
    backup_place_unset: "conflict",
    instance_not_stopped: "conflict",
    name_taken: "conflict",
    pool_not_found: "not_found",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const deleteBackup = route({
  method: "DELETE",
  path: "/v1/projects/:project/backups/:backup",
  summary: "Delete a backup. Those that build on it stay whole.",
  needs: "project:operate",
  params: ofBackup,
  query: none,
  body: z.undefined(),
  reply: [202, BackupView],
  fails: { ...backupFails, backup_busy: "conflict" },
});

const Count = z.number().int().min(0).max(1_000);
export const ScheduleView = Schedule.extend({ volume: z.string(), volumeId: z.string() });
export type ScheduleView = z.output<typeof ScheduleView>;

export const scheduleBackups = route({
  method: "PUT",
  path: "/v1/projects/:project/volumes/:volume/backup-schedule",
  summary:
    "Back a volume up again and again, the first time at once, and keep so many of the latest: one for each hour, day and week.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.strictObject({
    everyMinutes: z.number().int().min(5).max(44_640).default(60),
    keep: z
      .strictObject({
        hourly: Count.default(24),
        daily: Count.default(7),
        weekly: Count.default(4),
      })
      .refine(({ hourly, daily, weekly }) => hourly + daily + weekly > 0, {
        error: "must keep at least one",
      })
      .default({ hourly: 24, daily: 7, weekly: 4 }),
  }),
  reply: [200, ScheduleView],
  fails: { ...volumeFails, backup_place_unset: "conflict", volume_not_made: "conflict" },
});

export const listSchedules = route({
  method: "GET",
  path: "/v1/projects/:project/backup-schedules",
  summary: "Which volumes of a project are backed up by themselves, and when next.",
  needs: "project:read",
  params: inProject,
  query: Page,
  body: z.undefined(),
  reply: [200, z.object({ schedules: z.array(ScheduleView), next: Next })],
  fails: { cursor_not_valid: "invalid" },
});

export const stopSchedule = route({
  method: "DELETE",
  path: "/v1/projects/:project/volumes/:volume/backup-schedule",
  summary: "Back a volume up by itself no longer. Its backups stay.",
  needs: "project:operate",
  params: ofVolume,
  query: none,
  body: z.undefined(),
  reply: [200, ScheduleView],
  fails: { ...volumeFails, schedule_not_found: "not_found" },
});
