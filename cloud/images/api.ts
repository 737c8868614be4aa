/** What the world may ask about images. */
import { TagsShown } from "@holdfast/cloud/tags";
import { changes, lists, reads, removes } from "@holdfast/kernel/declare";
import { inProject, Next, ProblemShape, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { Manifest } from "./core/manifest.ts";

const ImageParam = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "must be an image's name or id");
const NewName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "must be 1 to 63 lower-case letters, digits and . _ -");
const Projects = z.array(ProjectParam).max(100).default([]);
const Checksum = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 lower-case hexadecimal digits");

export const ImageView = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string().nullable().describe("Null: everybody may use it."),
  state: z.enum(["importing", "ready", "failed", "deleted"]),
  source: z.string(),
  manifest: z.unknown().nullable(),
  warm: z.boolean().describe("Its guests may begin with the memory of one that has booted before."),
  bytes: z.number().nullable().describe("How big its disk looks to a guest."),
  encrypted: z
    .boolean()
    .describe("Whatever is made of it is, and it is itself if it was made of an encrypted volume."),
  problem: ProblemShape.nullable(),
  createdAt: z.number(),
  tags: TagsShown.describe("Of one's own images: words on them. Of others none are shown."),
  sharedWith: z
    .array(z.string())
    .describe("Other projects that may use it; of one's own images only."),
});
export type ImageView = z.output<typeof ImageView>;

export const listImages = lists({
  path: "/v1/projects/:project/images",
  summary: "Images that this project may use.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ images: z.array(ImageView), next: Next }),
});

export const importImage = changes("POST", {
  path: "/v1/projects/:project/images",
  summary:
    "Register an image. With `url` the manager fetches it; without, send its bytes to …/images/:image/content.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    name: NewName,
    url: z
      .url({ protocol: /^https?$/ })
      .max(2_000)
      .optional(),
    checksum: Checksum.optional(),
    smallestMemoryMiB: z.number().int().min(16).max(1_048_576).default(128),
    saysReady: Manifest.shape.saysReady.default(false),
    bootSeconds: Manifest.shape.bootSeconds,
    wantsSeed: Manifest.shape.wantsSeed,
  }),
  reply: [202, ImageView],
  fails: { quota_exceeded: "exhausted", image_name_taken: "conflict" },
});

export const getImage = reads({
  path: "/v1/projects/:project/images/:image",
  summary: "One image.",
  needs: "project:read",
  params: inProject.extend({ image: ImageParam }),
  reply: ImageView,
  fails: { image_not_found: "not_found" },
});

export const deleteImage = removes({
  path: "/v1/projects/:project/images/:image",
  summary: "Delete an image that no instance stands on.",
  needs: "project:operate",
  params: inProject.extend({ image: ImageParam }),
  query: z.strictObject({
    inUse: z
      .enum(["refuse", "keep"])
      .default("refuse")
      .describe("`keep`: instances that stand on it keep its content; nothing new is made of it."),
  }),
  reply: ImageView,
  fails: {
    image_not_found: "not_found",
    image_in_use: "conflict",
    image_shared: "forbidden",
  },
});

export const copyImage = changes("POST", {
  path: "/v1/projects/:project/images/:image/copy",
  summary:
    "An image of the project's own with the same content: of one of its own, of everybody's, or of one that is shared with it. It takes no further room.",
  needs: "project:operate",
  params: inProject.extend({ image: ImageParam }),
  body: z.strictObject({
    name: NewName,
    encrypted: z
      .boolean()
      .default(false)
      .describe("What is made of it is. The content that it shares stays as it is."),
  }),
  reply: [201, ImageView],
  fails: {
    image_not_found: "not_found",
    image_not_ready: "conflict",
    image_name_taken: "conflict",
    quota_exceeded: "exhausted",
  },
});

export const shareImage = changes("PATCH", {
  path: "/v1/projects/:project/images/:image/shares",
  summary:
    "Let other projects of the organisation use an image, by its id, or no longer. Only its own project can change it or share it on.",
  needs: "project:operate",
  params: inProject.extend({ image: ImageParam }),
  body: z.strictObject({
    add: Projects.describe("Names or ids. Those that may already may still."),
    remove: Projects.describe("What their instances stand on stays."),
  }),
  reply: [200, ImageView],
  fails: {
    image_not_found: "not_found",
    image_shared: "forbidden",
    project_not_found: "not_found",
  },
});

export const setImageWarmth = changes("PUT", {
  path: "/v1/projects/:project/images/:image/warm",
  summary: "Say whether its guests may begin with the memory of one that has booted before.",
  needs: "project:operate",
  params: inProject.extend({ image: ImageParam }),
  body: z.strictObject({
    warm: z
      .boolean()
      .describe("True only if its guests know how to wait for their names: docs/warm-start.md."),
  }),
  reply: [200, ImageView],
  fails: {
    image_not_found: "not_found",
    image_shared: "forbidden",
    image_cannot_be_warm: "conflict",
  },
});

/** What agents read may know more than they do; what is written here may not. */
const NewManifest = Manifest.extend({
  disk: Manifest.shape.disk.strict(),
  direct: Manifest.shape.direct.unwrap().strict().optional(),
}).strict();

/** For whoever sets up the platform: an image whose blobs are already in the store. */
export const registerImage = changes("POST", {
  path: "/v1/images",
  summary: "Register an image for everybody, from blobs that are in the manager's store.",
  needs: "platform:operate",
  params: z.object({}),
  body: z.strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/),
    source: z.string().max(500),
    manifest: NewManifest,
  }),
  reply: [201, ImageView],
  fails: { blob_missing: "not_found", image_name_taken: "conflict" },
});
