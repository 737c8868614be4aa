/** What to run, and where it may go. */
import { maintenancePolicies } from "@holdfast/cloud/events";
import { KeyParam } from "@holdfast/cloud/keys";
import { Tags } from "@holdfast/cloud/tags";
import { changes } from "@holdfast/kernel/declare";
import { inProject, Label } from "@holdfast/kernel/shapes";
import { z } from "zod";
import {
  Accepted,
  Dependencies,
  InstanceParam,
  Metadata,
  MetadataHops,
  MetadataTokens,
  Name,
  Priority,
  Recovery,
} from "./words.ts";

export const RunRequest = z
  .strictObject({
    name: Name.optional().describe("Made up if absent. With `count`, a number is appended."),
    count: z.number().int().min(1).max(10_000).default(1),
    type: Label.default("tiny"),
    image: Label.default("tiny"),
    zone: Label.optional(),
    hostTags: z
      .array(Label)
      .max(32)
      .default([])
      .describe("The host must carry every one of these."),
    antiAffinityGroup: Label.optional().describe("Instances of the same group never share a host."),
    userData: z
      .string()
      .max(65_536)
      .optional()
      .describe("Run by the guest at boot if it begins with #!."),
    diskGiB: z
      .number()
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe("Size of the root volume; the type's if absent."),
    volumes: z
      .array(
        z.union([
          z.strictObject({
            volume: InstanceParam.describe("A volume that is there and attached to nothing."),
            deleteWithInstance: z.boolean().default(false),
          }),
          z.strictObject({
            sizeGiB: z.number().int().min(1).max(65_536).describe("A new and empty one."),
            deleteWithInstance: z.boolean().default(true),
            encrypted: z.boolean().default(false),
          }),
        ]),
      )
      .max(15)
      .default([])
      .describe("More disks, in the order in which the guest sees them."),
    ephemeralGiB: z
      .number()
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .describe("Size of a disk that survives a reboot and nothing else."),
    encrypted: z
      .boolean()
      .default(false)
      .describe(
        "Encrypt its root volume, and its ephemeral disk. Whatever is made of an encrypted image is, and in a project that wants it everything.",
      ),
    isProtected: z.boolean().default(false),
    metadata: Metadata.default("on"),
    metadataTokens: MetadataTokens.default("optional"),
    metadataHops: MetadataHops.default(1),
    startPaused: z.boolean().default(false).describe("Create it with its processors stopped."),
    networks: z
      .array(InstanceParam)
      .max(8)
      .optional()
      .describe(
        "What to connect it to; the project's network `default`, if there is one, if absent.",
      ),
    isPublic: z
      .boolean()
      .default(false)
      .describe("A public address of its own while it runs: a new one after each stop."),
    groups: z.array(InstanceParam).max(16).default([]).describe("Security groups to put it in."),
    tags: Tags.optional().describe("Words of yours on it; some may be required."),
    keys: z
      .array(KeyParam)
      .max(16)
      .default([])
      .describe("SSH public keys that its guest finds at the metadata address."),
    maintenancePolicy: z
      .enum(maintenancePolicies)
      .optional()
      .describe("What is done with it when its host is emptied; `migrate` if absent."),
    pool: Label.optional().describe(
      "Where its root volume is made; the setting `volumes.default_pool` if absent. On a shared pool it can be recovered on another host.",
    ),
    recovery: Recovery.default("automatic"),
    priority: Priority.default(0),
    dependsOn: Dependencies.default([]),
  })
  .refine(({ name = "", count }) => count === 1 || `${name}-${count}`.length <= 63, {
    path: ["name"],
    error: "is too long once a number is appended to it; 63 characters is the most",
  });
export type RunRequest = z.output<typeof RunRequest>;

export const runInstances = changes("POST", {
  path: "/v1/projects/:project/instances",
  summary:
    "Run new instances. Answers at once with a job; the ids are final from the first moment.",
  needs: "project:operate",
  params: inProject,
  body: RunRequest,
  reply: [202, Accepted],
  fails: {
    quota_exceeded: "exhausted",
    tag_required: "invalid",
    image_not_found: "not_found",
    image_not_ready: "conflict",
    type_not_found: "not_found",
    name_taken: "conflict",
    idempotency_key_reused: "conflict",
    too_many_instances: "invalid",
    too_many_jobs: "exhausted",
    pool_not_found: "not_found",
    pool_cannot_encrypt: "conflict",
    network_not_found: "not_found",
    group_not_found: "not_found",
    key_not_found: "not_found",
    addresses_exhausted: "exhausted",
    instance_not_found: "not_found",
    memory_too_small: "invalid",
    disk_too_small: "invalid",
    volume_not_found: "not_found",
    volume_in_use: "conflict",
    volume_not_attachable: "conflict",
    volume_elsewhere: "conflict",
    too_many_disks: "exhausted",
  },
});
