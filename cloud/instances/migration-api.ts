/**
 * What the world may ask about live migrations. Pure declarations; edge/migration-routes.ts answers them.
 *
 * A migration is a record of its own, beside the job of whoever asked: it says where to, how far, how fast
 * and what it cost, also for those that the platform began by itself.
 */
import type { MigrationId } from "@holdfast/kernel/ids";
import { route } from "@holdfast/kernel/route";
import { inProject, Label, Next, Page, ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { InstanceView } from "./api.ts";
import { migrationLifecycle } from "./core/migration-lifecycle.ts";

const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");

const Progress = z.object({
  at: z.number(),
  status: z.string().describe("The hypervisor's own word, such as `active` or `pre-switchover`."),
  elapsedMs: z.number().describe("Since copying began."),
  remainingBytes: z.number().describe("Memory that is still to be sent, at this moment."),
  totalBytes: z.number().describe("All of the guest's memory."),
  disksRemainingBytes: z.number().describe("Local disks that are still to be copied."),
  bytesPerSecond: z.number(),
  dirtyBytesPerSecond: z.number().describe("How fast the guest changes memory that was sent."),
  timeLeftMs: z
    .number()
    .nullable()
    .describe("At this rate; null: at this rate it would take for ever."),
  isThrottled: z
    .boolean()
    .describe("The guest is being slowed down so that copying gets ahead of it."),
  says: z.string().nullable(),
});

export const MigrationView = z.object({
  id: z.string(),
  instance: z.string().describe("Its name."),
  instanceId: z.string(),
  state: z
    .enum(migrationLifecycle.states)
    .describe(
      "`preparing` the destination, `copying`; then `switched` (it runs there) and `done` (nothing is left where it was), or `aborted` or `failed` (it runs where it was, or has ended).",
    ),
  from: z.string().describe("The name of the host."),
  to: z.string(),
  generation: z.number().int().describe("Of the process on the destination."),
  isAbortWanted: z.boolean(),
  why: z.string(),
  actor: z.string(),
  job: z.string().nullable(),
  bandwidthMbps: z.number().nullable().describe("Null: as fast as the network goes."),
  network: z.string().nullable().describe("Null: that between the guests of hosts."),
  allowPostcopy: z.boolean(),
  progress: Progress.nullable(),
  says: z.string().nullable().describe("What went wrong."),
  problem: ProblemShape.nullable(),
  downtimeMs: z
    .number()
    .nullable()
    .describe("How long the guest stood still, as the hypervisor reckons it."),
  totalMs: z.number().nullable().describe("From the request to its end."),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
});
export type MigrationView = z.output<typeof MigrationView>;

export const MigrateRequest = z
  .strictObject({
    host: Label.optional().describe("Where to; wherever there is room, if absent."),
    bandwidthMbps: z
      .number()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe("The setting `migrations.bandwidth`, if absent."),
    network: z
      .string()
      .regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, "must be an address and bits, such as 10.8.0.0/24")
      .optional()
      .describe("The network to send it over; the setting `migrations.network`, if absent."),
    allowPostcopy: z
      .boolean()
      .default(false)
      .describe(
        "Where copying never gets ahead of the guest, run it on the destination before all of its memory is there. If either host or the network fails in that moment the guest is lost, and started again.",
      ),
  })
  .default({ allowPostcopy: false });
export type MigrateRequest = z.output<typeof MigrateRequest>;

const ofMigration = inProject.extend({
  migration: z.uuid().transform((text) => text as MigrationId), // Checked just before.
});
const none = z.strictObject({});

export const migrateInstance = route({
  method: "POST",
  path: "/v1/projects/:project/instances/:instance/migrate",
  summary:
    "Move a running instance to another host while it runs. Refused at once where that cannot be; otherwise it is moved, or runs on where it is.",
  needs: "project:operate",
  params: inProject.extend({ instance: InstanceParam }),
  query: none,
  body: MigrateRequest,
  reply: [
    202,
    z.object({ job: z.string(), instances: z.array(InstanceView), migration: MigrationView }),
  ],
  fails: {
    instance_not_found: "not_found",
    host_not_found: "not_found",
    not_in_this_state: "conflict",
    destination_unsuitable: "conflict",
    instance_busy: "conflict",
    no_destination: "exhausted",
    insufficient_capacity: "exhausted",
    idempotency_key_reused: "conflict",
    too_many_jobs: "exhausted",
  },
});

export const listMigrations = route({
  method: "GET",
  path: "/v1/projects/:project/migrations",
  summary: "Live migrations, newest first.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({
    instance: InstanceParam.optional(),
    state: z.enum(migrationLifecycle.states).optional(),
    limit: Page.shape.limit.removeDefault().default(50),
  }),
  body: z.undefined(),
  reply: [200, z.object({ migrations: z.array(MigrationView), next: Next })],
  fails: { cursor_not_valid: "invalid" },
});

export const getMigration = route({
  method: "GET",
  path: "/v1/projects/:project/migrations/:migration",
  summary: "One live migration, with how far it is.",
  needs: "project:read",
  params: ofMigration,
  query: none,
  body: z.undefined(),
  reply: [200, MigrationView],
  fails: { migration_not_found: "not_found" },
});

export const abortMigration = route({
  method: "POST",
  path: "/v1/projects/:project/migrations/:migration/abort",
  summary:
    "Break a live migration off: the instance runs on where it is. Once its memory is on the destination it is too late, and it has moved.",
  needs: "project:operate",
  params: ofMigration,
  query: none,
  body: none.default({}),
  reply: [202, z.object({ job: z.string(), migration: MigrationView })],
  fails: {
    migration_not_found: "not_found",
    not_migrating: "conflict",
    idempotency_key_reused: "conflict",
  },
});
