/** The words that the rooms of this API have in common: how an instance is named, and how it looks. */
import { Begun } from "@holdfast/cloud/hosts";
import { metadataTokens } from "@holdfast/cloud/metadata";
import { TagsShown } from "@holdfast/cloud/tags";
import { inProject, ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { lifecycle } from "../core/lifecycle.ts";
import { recoveries } from "../core/model.ts";

/** An instance is named by its id, or by its name within the project. */
export const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");

export const Name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,61}[a-z0-9]$|^[a-z]$/,
    "must be 1 to 63 lower-case letters, digits and dashes, begin with a letter and not end with a dash",
  );

export const ofInstance = inProject.extend({ instance: InstanceParam });

export const CauseView = z.object({
  class: z.string().describe("A class of the published taxonomy."),
  says: z.string(),
  at: z.number(),
  problem: ProblemShape.optional(),
});

export const Metadata = z
  .enum(["on", "off"])
  .describe("Whether its guest is answered at the metadata address at all.");
export const MetadataHops = z
  .number()
  .int()
  .min(1)
  .max(64)
  .describe(
    "How many hops answers reach where a token is needed: 1 is the guest itself, 2 a container behind its bridge.",
  );
export const MetadataTokens = z
  .enum(metadataTokens)
  .describe(
    "Whether its guest is answered at the metadata address without a token: `required` means no.",
  );

export const Recovery = z
  .enum(recoveries)
  .describe(
    "When it has died: `automatic` where its cause says, `in-place` on its host only, `elsewhere` on another if there is one, `none`: it stays stopped.",
  );
export const Priority = z
  .number()
  .int()
  .min(-1_000)
  .max(1_000)
  .describe("Where not all find room, those of the highest priority are started first.");
export const Dependencies = z
  .array(InstanceParam)
  .max(32)
  .describe("A restart waits until these are up, for `instances.dependency_wait` at most.");

export const InstanceView = z.object({
  id: z.string(),
  project: z.string(),
  name: z.string(),
  type: z.string(),
  cpus: z.number().int(),
  memoryMiB: z.number().int(),
  image: z.string(),
  volume: z.string(),
  desired: z.enum(["running", "stopped", "destroyed", "expunged"]),
  state: z.enum(lifecycle.states),
  op: z
    .object({
      kind: z.string(),
      step: z.string(),
      since: z.number(),
      deadline: z
        .number()
        .describe("When the next action is taken if nothing has happened by then."),
      attempt: z.number().int(),
    })
    .nullable()
    .describe("What is under way."),
  job: z.string().nullable(),
  generation: z.number().int().describe("How often it has been launched, anywhere."),
  host: z.string().nullable().describe("The name of the host it is on; null while it is on none."),
  guest: z
    .enum(["booting", "up", "paused", "panicked", "io-error"])
    .nullable()
    .describe("How far the guest got, as its host sees it; null while it does not run."),
  begun: Begun.nullable().describe(
    "How its processors came to run: from the memory of a template (warm) or by a boot (cold), and after how many milliseconds.",
  ),
  upAt: z.number().nullable().describe("When the guest said that it is ready."),
  cause: CauseView.nullable().describe("Why it is where it is, when nobody asked for it."),
  isProtected: z.boolean(),
  metadata: Metadata,
  metadataTokens: MetadataTokens,
  metadataHops: MetadataHops,
  pool: z.string().describe("Where its root volume is: `local` to one host, or shared."),
  recovery: z.enum(recoveries).describe("What automation does when it has died."),
  priority: z.number().int(),
  dependsOn: z.array(z.string()).describe("Names of those that a restart waits for."),
  zone: z.string().nullable(),
  hostTags: z.array(z.string()),
  antiAffinityGroup: z.string().nullable(),
  restarts: z
    .number()
    .int()
    .describe("How often automation has started it again within the window."),
  nextLook: z.number().nullable().describe("When the platform looks at it again by itself."),
  createdAt: z.number(),
  destroyedAt: z.number().nullable(),
  nics: z
    .array(
      z.object({
        network: z.string(),
        address: z.string(),
        mac: z.string(),
        publicAddress: z.string().nullable().describe("Its own; null if it has none now."),
        groups: z.array(z.string()).describe("Security groups. Without one, everything may pass."),
      }),
    )
    .describe("What it is connected to, in the order in which its guest sees it."),
  disks: z
    .array(
      z.object({
        volume: z.string().describe("The id of the volume."),
        name: z.string(),
        kind: z.enum(["root", "data", "ephemeral"]),
        sizeBytes: z.number().int(),
        pool: z.string(),
        encrypted: z.boolean(),
      }),
    )
    .describe("In the order in which its guest sees them; `holdfast volumes show` says more."),
  tags: TagsShown,
});
export type InstanceView = z.output<typeof InstanceView>;

/** Begun: `job` says how far it is. */
export const Accepted = z.object({
  job: z.string(),
  instances: z.array(InstanceView),
  warnings: z
    .array(z.string())
    .describe("What is lost with it: what was on ephemeral disks is after a stop."),
});
