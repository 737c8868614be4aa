/** Snapshots: kept, restored, copied, made into volumes and images, and deleted. */
import { ImageView } from "@holdfast/cloud/images/api";
import { Name } from "@holdfast/cloud/instances/api";
import { TagFilter, Tags, TagsShown } from "@holdfast/cloud/tags";
import { changes, none, reads } from "@holdfast/kernel/declare";
import { route } from "@holdfast/kernel/route";
import { Flag, inProject, Next, Page, ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { VolumeView } from "./volumes.ts";
import {
  Encrypted,
  IsEncrypted,
  Limits,
  lockedFails,
  ofSnapshot,
  Projects,
  SizeGiB,
  VolumeName,
  volumeFails,
} from "./words.ts";

export const SnapshotView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  volume: z.string().nullable().describe("The name of its volume. Null: another project's."),
  volumeId: z.string().nullable(),
  encrypted: IsEncrypted,
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
  tags: TagsShown.describe("Of one's own snapshots: words on them. Of others none are shown."),
  sharedWith: z
    .array(z.string())
    .describe("Other projects that may use it; of one's own snapshots only."),
});
export type SnapshotView = z.output<typeof SnapshotView>;
const snapshotFails = { snapshot_not_found: "not_found" } as const;
const ownFails = { ...snapshotFails, snapshot_shared: "forbidden" } as const;

export const createSnapshot = changes("POST", {
  path: "/v1/projects/:project/snapshots",
  summary: "Keep a volume as it is now, also while its guest uses it.",
  needs: "project:operate",
  params: inProject,
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
    ...lockedFails,
    name_taken: "conflict",
    volume_not_made: "conflict",
    pool_full: "exhausted",
    too_many_snapshots: "exhausted",
  },
});

export const listSnapshots = reads({
  path: "/v1/projects/:project/snapshots",
  summary: "The snapshots of a project and those that are shared with it, oldest first.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ volume: VolumeName.optional(), tag: TagFilter.optional() }),
  reply: z.object({ snapshots: z.array(SnapshotView), next: Next }),
  fails: { ...volumeFails, cursor_not_valid: "invalid" },
});

export const getSnapshot = reads({
  path: "/v1/projects/:project/snapshots/:snapshot",
  summary: "One snapshot.",
  needs: "project:read",
  params: ofSnapshot,
  reply: SnapshotView,
  fails: snapshotFails,
});

export const restoreSnapshot = changes("POST", {
  path: "/v1/projects/:project/snapshots/:snapshot/restore",
  summary:
    "Make the volume what it was at a snapshot. Its instance must be stopped. What was written since is lost, the snapshots are not.",
  needs: "project:operate",
  params: ofSnapshot,
  body: none,
  reply: [202, VolumeView],
  fails: {
    ...ownFails,
    ...lockedFails,
    snapshot_not_ready: "conflict",
    instance_not_stopped: "conflict",
    pool_full: "exhausted",
  },
});

export const createVolumeFromSnapshot = changes("POST", {
  path: "/v1/projects/:project/snapshots/:snapshot/volume",
  summary:
    "Make a new volume of a snapshot, in the same pool, also while a guest uses the other one. It needs neither the snapshot nor its volume afterwards.",
  needs: "project:operate",
  params: ofSnapshot,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
    sizeGiB: SizeGiB.optional().describe("As big as the snapshot if absent."),
    limits: Limits.optional(),
    encrypted: Encrypted,
  }),
  reply: [202, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...snapshotFails,
    ...lockedFails,
    not_in_this_state: "conflict",
    snapshot_not_ready: "conflict",
    volume_not_made: "conflict",
    volume_cannot_shrink: "invalid",
    name_taken: "conflict",
    pool_cannot_encrypt: "conflict",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const copySnapshot = changes("POST", {
  path: "/v1/projects/:project/snapshots/:snapshot/copy",
  summary:
    "Copy a snapshot into a volume of its own, in the same pool: it is there when the other one and its volume are gone. The volume is called as the copy is, and goes with the last snapshot in it, unless an instance has had it.",
  needs: "project:operate",
  params: ofSnapshot,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
    encrypted: Encrypted,
  }),
  reply: [202, SnapshotView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    ...snapshotFails,
    ...lockedFails,
    not_in_this_state: "conflict",
    snapshot_not_ready: "conflict",
    volume_not_made: "conflict",
    name_taken: "conflict",
    pool_cannot_encrypt: "conflict",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const createImageFromSnapshot = changes("POST", {
  path: "/v1/projects/:project/snapshots/:snapshot/image",
  summary: "Make an image of a snapshot, which stays.",
  needs: "project:operate",
  params: ofSnapshot,
  body: z.strictObject({ name: Name }),
  reply: [202, ImageView],
  fails: {
    quota_exceeded: "exhausted",
    ...ownFails,
    ...lockedFails,
    snapshot_not_ready: "conflict",
    name_taken: "conflict",
  },
});

export const shareSnapshot = changes("PATCH", {
  path: "/v1/projects/:project/snapshots/:snapshot/shares",
  summary:
    "Let other projects of the organisation make volumes and copies of a snapshot, by its id, or no longer. Only its own project can do anything else with it.",
  needs: "project:operate",
  params: ofSnapshot,
  body: z.strictObject({
    add: Projects.describe("Names or ids. Those that may already may still."),
    remove: Projects.describe("What they have made of it stays."),
  }),
  reply: [200, SnapshotView],
  fails: { ...ownFails, ...volumeFails, project_not_found: "not_found" },
});

export const deleteSnapshot = route({
  method: "DELETE",
  path: "/v1/projects/:project/snapshots/:snapshot",
  summary:
    "Delete a snapshot. Its volume is as it is. With `force`, one that its host could not remove, or that nobody can open, is forgotten, and its bytes stay in the volume.",
  needs: "project:operate",
  params: ofSnapshot,
  query: z.strictObject({ force: Flag }),
  body: z.undefined(),
  reply: [
    202,
    SnapshotView.extend({
      isForgotten: z.boolean().describe("It is gone already, and its bytes stay in the volume."),
    }),
  ],
  fails: { ...ownFails, ...lockedFails },
});
