/** Volumes: made, attached, resized, limited and deleted, and images made of them. */
import { ImageView } from "@holdfast/cloud/images/api";
import { Name } from "@holdfast/cloud/instances/api";
import { TagFilter, Tags, TagsShown } from "@holdfast/cloud/tags";
import { changes, none, reads, removes } from "@holdfast/kernel/declare";
import { inProject, Label, NameOrId, Next, Page, ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { volumeLifecycle } from "../core/lifecycle.ts";
import { volumeKinds } from "../core/model.ts";
import { taskKinds } from "../core/tasks.ts";
import {
  busyFails,
  Encrypted,
  IsEncrypted,
  Limits,
  lockedFails,
  ofVolume,
  Schedule,
  SizeGiB,
  volumeFails,
} from "./words.ts";

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
  encrypted: IsEncrypted,
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

export const createVolume = changes("POST", {
  path: "/v1/projects/:project/volumes",
  summary:
    "Make a volume. On a pool `local` it is made on the host of the instance that it is attached to.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    name: Name,
    sizeGiB: SizeGiB,
    pool: Label.optional().describe("The setting `volumes.default_pool` if absent."),
    limits: Limits.optional(),
    encrypted: Encrypted,
  }),
  reply: [201, VolumeView],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    name_taken: "conflict",
    pool_not_found: "not_found",
    pool_cannot_encrypt: "conflict",
    pool_full: "exhausted",
    too_many_volumes: "exhausted",
  },
});

export const listVolumes = reads({
  path: "/v1/projects/:project/volumes",
  summary: "The volumes of a project, oldest first, also those that belong to an instance.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({ tag: TagFilter.optional() }),
  reply: z.object({ volumes: z.array(VolumeView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});

export const getVolume = reads({
  path: "/v1/projects/:project/volumes/:volume",
  summary: "One volume.",
  needs: "project:read",
  params: ofVolume,
  reply: VolumeView,
  fails: volumeFails,
});

export const attachVolume = changes("POST", {
  path: "/v1/projects/:project/volumes/:volume/attach",
  summary: "Make a volume a disk of an instance, also while it runs.",
  needs: "project:operate",
  params: ofVolume,
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

export const detachVolume = changes("POST", {
  path: "/v1/projects/:project/volumes/:volume/detach",
  summary:
    "Take a volume away from its instance. A guest that runs is asked first, and may refuse for a while.",
  needs: "project:operate",
  params: ofVolume,
  body: none,
  reply: [200, VolumeView],
  fails: {
    ...busyFails,
    not_in_this_state: "conflict",
    volume_not_attached: "conflict",
    volume_not_detachable: "conflict",
  },
});

export const resizeVolume = changes("POST", {
  path: "/v1/projects/:project/volumes/:volume/resize",
  summary: "Make a volume bigger, also while its guest uses it.",
  needs: "project:operate",
  params: ofVolume,
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

export const limitVolume = changes("PUT", {
  path: "/v1/projects/:project/volumes/:volume/limits",
  summary:
    "How much its guest may ask of a volume, from now on. What is null is as the instance's type says for its root volume, and unlimited for others.",
  needs: "project:operate",
  params: ofVolume,
  body: Limits,
  reply: [200, VolumeView],
  fails: volumeFails,
});

export const deleteVolume = removes({
  path: "/v1/projects/:project/volumes/:volume",
  summary: "Delete a volume that is attached to nothing, with its snapshots. Backups stay.",
  needs: "project:operate",
  params: ofVolume,
  reply: VolumeView,
  fails: { ...volumeFails, volume_in_use: "conflict" },
});

export const checkVolume = changes("POST", {
  path: "/v1/projects/:project/volumes/:volume/check",
  summary:
    "Look whether a volume is whole. Of one that a guest uses, only what can be seen without disturbing it.",
  needs: "project:operate",
  params: ofVolume,
  body: none,
  reply: [202, VolumeView],
  fails: { ...volumeFails, volume_not_made: "conflict" },
});

export const createImageFrom = changes("POST", {
  path: "/v1/projects/:project/volumes/:volume/image",
  summary:
    "Make an image from a volume as it is now, also of one that a guest uses: `INSTANCE.root` for an instance's.",
  needs: "project:operate",
  params: ofVolume,
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
    ...lockedFails,
    name_taken: "conflict",
    volume_not_made: "conflict",
  },
});
