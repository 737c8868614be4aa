/** Backups, and the schedules that take them. */
import { Name } from "@holdfast/cloud/instances/api";
import { Tags } from "@holdfast/cloud/tags";
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { route } from "@holdfast/kernel/route";
import { inProject, Label, Next, Page, ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { VolumeView } from "./volumes.ts";
import {
  Encrypted,
  IsEncrypted,
  lockedFails,
  ofBackup,
  ofVolume,
  Schedule,
  VolumeName,
  volumeFails,
} from "./words.ts";

export const BackupView = z.object({
  id: z.string(),
  project: z.string(),
  volume: z.string().describe("The name that its volume had."),
  volumeId: z.string(),
  encrypted: IsEncrypted,
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

export const createBackup = changes("POST", {
  path: "/v1/projects/:project/backups",
  summary:
    "Copy a volume to the place for backups: only what has changed since the last one, if there is one.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    volume: VolumeName,
    full: z.boolean().default(false).describe("Copy all of it, whatever there is."),
  }),
  reply: [202, BackupView],
  fails: {
    quota_exceeded: "exhausted",
    ...lockedFails,
    volume_not_made: "conflict",
    backup_place_unset: "conflict",
  },
});

export const listBackups = reads({
  path: "/v1/projects/:project/backups",
  summary: "The backups of a project, oldest first, also of volumes that are gone.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ volume: VolumeName.optional() }),
  reply: z.object({ backups: z.array(BackupView), next: Next }),
  fails: { ...volumeFails, cursor_not_valid: "invalid" },
});

export const getBackup = reads({
  path: "/v1/projects/:project/backups/:backup",
  summary: "One backup.",
  needs: "project:read",
  params: ofBackup,
  reply: BackupView,
  fails: backupFails,
});

export const restoreBackup = changes("POST", {
  path: "/v1/projects/:project/backups/:backup/restore",
  summary:
    "Make its volume what it was at a backup, or, with `name`, a new volume. An instance that has the volume must be stopped.",
  needs: "project:operate",
  params: ofBackup,
  body: z.strictObject({
    name: Name.optional().describe("Of a new data volume; the volume itself if absent."),
    pool: Label.optional().describe("Where that is made; where the volume was, if absent."),
    encrypted: Encrypted,
    tags: Tags.optional().describe("Of a new volume; some may be required."),
  }),
  reply: [202, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...backupFails,
    ...lockedFails,
    backup_not_ready: "conflict",
    backup_place_unset: "conflict",
    instance_not_stopped: "conflict",
    name_taken: "conflict",
    pool_not_found: "not_found",
    pool_cannot_encrypt: "conflict",
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

export const scheduleBackups = changes("PUT", {
  path: "/v1/projects/:project/volumes/:volume/backup-schedule",
  summary:
    "Back a volume up again and again, the first time at once, and keep so many of the latest: one for each hour, day and week.",
  needs: "project:operate",
  params: ofVolume,
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

export const listSchedules = lists({
  path: "/v1/projects/:project/backup-schedules",
  summary: "Which volumes of a project are backed up by themselves, and when next.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ schedules: z.array(ScheduleView), next: Next }),
});

export const stopSchedule = removes({
  path: "/v1/projects/:project/volumes/:volume/backup-schedule",
  summary: "Back a volume up by itself no longer. Its backups stay.",
  needs: "project:operate",
  params: ofVolume,
  reply: ScheduleView,
  fails: { ...volumeFails, schedule_not_found: "not_found" },
});
