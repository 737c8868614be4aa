/** What the world may ask about instances. Pure declarations; edge/routes.ts answers them. */

import { maintenancePolicies } from "@holdfast/cloud/events";
import { Begun } from "@holdfast/cloud/hosts";
import { KeyParam } from "@holdfast/cloud/keys";
import { metadataTokens } from "@holdfast/cloud/metadata";
import { TagFilter, Tags, TagsShown } from "@holdfast/cloud/tags";
import { changes, none, reads } from "@holdfast/kernel/declare";
import { route } from "@holdfast/kernel/route";
import { Cursor, Label, ProblemShape, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { lifecycle } from "./core/lifecycle.ts";
import { recoveries } from "./core/model.ts";

/** An instance is named by its id, or by its name within the project. */
const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");

export const Name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,61}[a-z0-9]$|^[a-z]$/,
    "must be 1 to 63 lower-case letters, digits and dashes, begin with a letter and not end with a dash",
  );

export const CauseView = z.object({
  class: z.string().describe("A class of the published taxonomy."),
  says: z.string(),
  at: z.number(),
  problem: ProblemShape.optional(),
});

const MetadataTokens = z
  .enum(metadataTokens)
  .describe(
    "Whether its guest is answered at the metadata address without a token: `required` means no.",
  );

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
  metadataTokens: MetadataTokens,
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
      }),
    )
    .describe("In the order in which its guest sees them; `holdfast volumes show` says more."),
  tags: TagsShown,
});
export type InstanceView = z.output<typeof InstanceView>;

const Recovery = z
  .enum(recoveries)
  .describe(
    "When it has died: `automatic` where its cause says, `in-place` on its host only, `elsewhere` on another if there is one, `none`: it stays stopped.",
  );
const Priority = z
  .number()
  .int()
  .min(-1_000)
  .max(1_000)
  .describe("Where not all find room, those of the highest priority are started first.");
const Dependencies = z
  .array(InstanceParam)
  .max(32)
  .describe("A restart waits until these are up, for `instances.dependency_wait` at most.");

/** What to run, and where it may go. */
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
    isProtected: z.boolean().default(false),
    metadataTokens: MetadataTokens.default("optional"),
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

const inProject = z.object({ project: ProjectParam });
const ofInstance = inProject.extend({ instance: InstanceParam });
const Accepted = z.object({
  job: z.string(),
  instances: z.array(InstanceView),
  warnings: z
    .array(z.string())
    .describe("What is lost with it: what was on ephemeral disks is after a stop."),
});
const commandFails = {
  instance_not_found: "not_found",
  not_in_this_state: "conflict",
  volume_busy: "conflict",
  idempotency_key_reused: "conflict",
  too_many_jobs: "exhausted",
} as const;

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

export const listInstances = reads({
  path: "/v1/projects/:project/instances",
  summary: "Instances, oldest first, a page at a time. Expunged ones only when asked for by state.",
  needs: "project:read",
  params: inProject,
  query: z.strictObject({
    state: z.enum(lifecycle.states).optional(),
    host: Label.optional(),
    name: Label.optional(),
    tag: TagFilter.optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
    after: Cursor.optional(),
  }),
  reply: z.object({ instances: z.array(InstanceView), next: z.string().nullable() }),
  fails: { cursor_not_valid: "invalid" },
});

export const getInstance = reads({
  path: "/v1/projects/:project/instances/:instance",
  summary: "One instance.",
  needs: "project:read",
  params: ofInstance,
  reply: InstanceView,
  fails: { instance_not_found: "not_found" },
});

const command = <const P extends `/v1/${string}`>(path: P, summary: string) =>
  route({
    method: "POST",
    path,
    summary,
    needs: "project:operate",
    params: ofInstance,
    query: none,
    body: none.default({}),
    reply: [202, Accepted],
    fails: commandFails,
  });

const forcible = z.strictObject({ force: z.boolean().default(false) }).default({ force: false });

export const startInstance = command(
  "/v1/projects/:project/instances/:instance/start",
  "Start an instance. Already running: the job succeeds at once.",
);
export const recoverInstance = command(
  "/v1/projects/:project/instances/:instance/recover",
  "Take back a destroyed instance within its undo window. It is stopped then.",
);
export const expungeInstance = command(
  "/v1/projects/:project/instances/:instance/expunge",
  "Delete a destroyed instance and its volume now, without waiting for the undo window. There is no way back.",
);

export const stopInstance = route({
  ...command("/v1/projects/:project/instances/:instance/stop", ""),
  summary:
    "Ask the guest to shut down, and end it after `instances.stop_grace`. With `force`, end it now.",
  body: forcible,
});
export const rebootInstance = route({
  ...command("/v1/projects/:project/instances/:instance/reboot", ""),
  summary:
    "Reboot on the same host, as the same generation: the guest shuts down and is switched on again; after `instances.reboot_grace`, or at once with `force`, its reset button is pressed.",
  body: forcible,
});
export const destroyInstance = route({
  ...command("/v1/projects/:project/instances/:instance/destroy", ""),
  summary: "Pull the plug. The volume is kept for the undo window, then deleted.",
  fails: { ...commandFails, instance_protected: "conflict" },
});

export const relaunchInstance = command(
  "/v1/projects/:project/instances/:instance/relaunch",
  "End the process without asking the guest and start it anew, on another host if its volume and the fleet allow that.",
);

export const changeRecovery = changes("PATCH", {
  path: "/v1/projects/:project/instances/:instance/recovery",
  summary: "Change what automation does when this instance has died.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({
    recovery: Recovery.optional(),
    priority: Priority.optional(),
    dependsOn: Dependencies.optional(),
  }),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found", dependency_circular: "conflict" },
});

export const changeInstanceType = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/type",
  summary: "Give a stopped instance another type, with which it is started next. Its disks stay.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({ type: Label }),
  reply: [200, InstanceView],
  fails: {
    quota_exceeded: "exhausted",
    instance_not_found: "not_found",
    type_not_found: "not_found",
    instance_not_stopped: "conflict",
    memory_too_small: "invalid",
  },
});

export const protectInstance = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/protection",
  summary: "Refuse, or allow again, to destroy this instance.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({ isProtected: z.boolean() }),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found", not_in_this_state: "conflict" },
});

export const changeMetadata = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/metadata",
  summary:
    "Have the guest of an instance need a token to ask for its metadata, or not. It holds at once, also where it runs.",
  needs: "project:operate",
  params: ofInstance,
  body: z.strictObject({ metadataTokens: MetadataTokens }),
  reply: [200, InstanceView],
  fails: { instance_not_found: "not_found" },
});

export const EventView = z.object({
  seq: z.number().int(),
  at: z.number(),
  event: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  generation: z.number().int().nullable(),
  actor: z.string(),
  requestId: z.string().nullable(),
  job: z.string().nullable(),
  detail: z.unknown(),
});

export const listInstanceEvents = reads({
  path: "/v1/projects/:project/instances/:instance/events",
  summary: "The journal of one instance, oldest first.",
  needs: "project:read",
  params: ofInstance,
  query: z.strictObject({
    after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(500),
  }),
  reply: z.object({ events: z.array(EventView) }),
  fails: { instance_not_found: "not_found" },
});

const LineView = z.object({ at: z.number(), text: z.string() });

export const getConsoleLog = reads({
  path: "/v1/projects/:project/instances/:instance/console-log",
  summary:
    "The last lines that the guest wrote to its serial console, from the host that has them.",
  needs: "project:read",
  params: ofInstance,
  query: z.strictObject({ lines: z.coerce.number().int().min(1).max(5_000).default(100) }),
  reply: z.object({ lines: z.array(LineView) }),
  fails: {
    instance_not_found: "not_found",
    no_console: "conflict",
    host_unreachable: "unavailable",
  },
});

export const traceInstance = reads({
  path: "/v1/projects/:project/instances/:instance/trace",
  summary:
    "Every line about this instance from API, placement, agent, hypervisor and guest, in order of time.",
  needs: "project:read",
  params: ofInstance,
  query: z.strictObject({ lines: z.coerce.number().int().min(1).max(10_000).default(1_000) }),
  reply: z.object({
    lines: z.array(
      z.object({
        at: z.number(),
        source: z.enum(["journal", "api", "placement", "manager", "agent", "hypervisor", "guest"]),
        text: z.string(),
      }),
    ),
    missing: z.array(z.string()).describe("Sources that did not answer, and why."),
  }),
  fails: { instance_not_found: "not_found" },
});
