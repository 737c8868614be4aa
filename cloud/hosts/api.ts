/** What the world may ask about hosts. Operators only: a project does not see what it runs on. */
import { changes, none, reads } from "@holdfast/kernel/declare";
import { Cursor, Label } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { hostLifecycle, hostModes } from "./core/lifecycle.ts";

export const HostParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, "must be a host's name or id");
export const HostName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
    "must be 1 to 63 lower-case letters, digits, dots and dashes",
  );

export const HostView = z.object({
  id: z.string(),
  name: z.string(),
  zone: z.string(),
  pod: z.string(),
  cluster: z.string(),
  state: z
    .enum(hostLifecycle.states)
    .describe("What is known: up, suspect (its lease ran out) or down (proven)."),
  mode: z.enum(hostModes.states).describe("What its operators want of it."),
  epoch: z.number().int(),
  tags: z.array(z.string()),
  concerns: z
    .array(z.string())
    .describe(
      "Reasons to avoid it although it is up: its operators', then its hardware's, then that it falls silent too often.",
    ),
  cpus: z.number().int(),
  memoryMiB: z.number().int(),
  reservedCpus: z.number().int(),
  reservedMemoryMiB: z.number().int(),
  instances: z.number().int(),
  acceleration: z.object({ kind: z.string(), reason: z.string() }).nullable(),
  hypervisor: z.string().nullable(),
  hasGuard: z
    .boolean()
    .nullable()
    .describe("Whether the guard answers its agent; null if its agent is not connected here."),
  watchdog: z
    .enum(["hardware", "software", "simulated", "none"])
    .nullable()
    .describe("What resets it if its guard stops."),
  pools: z.array(z.string()).describe("Shared pools that it reaches."),
  power: z
    .string()
    .nullable()
    .describe(
      "The last word of its power controller, or `on` if it was heard after an `off`; null if it has none.",
    ),
  heardAt: z.number().nullable(),
  isConnected: z.boolean().describe("Whether its agent is connected to some manager now."),
});
export type HostView = z.output<typeof HostView>;

export const listHosts = reads({
  path: "/v1/hosts",
  summary: "The fleet, by name, a page at a time.",
  needs: "platform:read",
  params: none,
  query: z.strictObject({
    limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
    after: Cursor.optional(),
  }),
  reply: z.object({ hosts: z.array(HostView), next: z.string().nullable() }),
  fails: { cursor_not_valid: "invalid" },
});

export const changeHost = changes("PATCH", {
  path: "/v1/hosts/:host",
  summary:
    "Set a host's mode, tags, its operators' concerns or its place. Enabling it forgives that it fell silent.",
  needs: "platform:operate",
  params: z.object({ host: HostParam }),
  body: z.strictObject({
    mode: z.enum(["enabled", "draining", "maintenance"]).optional(),
    tags: z.array(Label).max(64).optional(),
    concerns: z.array(z.string().min(1).max(200)).max(16).optional(),
    cluster: Label.optional(),
  }),
  reply: [200, HostView],
  fails: {
    host_not_found: "not_found",
    host_mode_conflict: "conflict",
    cluster_not_found: "not_found",
  },
});

export const createJoinToken = changes("POST", {
  path: "/v1/join-tokens",
  summary: "A token with which one machine may join, once, within its time.",
  needs: "platform:operate",
  params: none,
  body: z
    .strictObject({
      hostName: HostName.optional(),
      minutes: z.number().int().min(1).max(10_080).default(60),
    })
    .default({ minutes: 60 }),
  reply: [201, z.object({ token: z.string(), expiresAt: z.number(), command: z.string() })],
});

export const revokeHost = changes("POST", {
  path: "/v1/hosts/:host/revoke",
  summary:
    "Revoke every certificate of a host and cut its agent off. Its guests run on; its lease runs out.",
  needs: "platform:operate",
  params: z.object({ host: HostParam }),
  body: none.default({}),
  reply: [200, z.object({ revoked: z.number().int() })],
  fails: { host_not_found: "not_found" },
});

/** For machines that want to join; answered on the agents' own port, before they have a certificate. */
export const JoinRequest = z.object({
  token: z.string().max(300),
  name: HostName,
  signingRequest: z.string().max(10_000).describe("PKCS#10, PEM."),
});
export const JoinReply = z.object({
  host: z.string(),
  certificate: z.string().describe("PEM, for the agent's key."),
  authority: z.string().describe("PEM of the certificate authority."),
});
