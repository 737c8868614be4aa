/** What the world may ask about availability. Operators only: it is about hosts. */
import { HostParam } from "@holdfast/cloud/hosts/api";
import { changes, none, reads, removes } from "@holdfast/kernel/declare";
import { Next, Page } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { proofs } from "./core/certificate.ts";

const ofHost = z.object({ host: HostParam });

export const CertificateView = z.object({
  id: z.string(),
  host: z.string().describe("Its id."),
  name: z.string(),
  epoch: z.number().int().describe("The epoch of the host that ended with this."),
  proof: z.enum(proofs),
  meaning: z.string(),
  covers: z
    .enum(["everything", "shared"])
    .describe("`shared`: it says nothing of guests on the host's own disks."),
  silentSince: z.number(),
  provenAt: z.number(),
  manager: z.string(),
  evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  signature: z.string().describe("ECDSA with SHA-256 by the platform's authority, DER, base64."),
});
export type CertificateView = z.output<typeof CertificateView>;

export const listFences = reads({
  path: "/v1/fence-certificates",
  summary: "The proofs that hosts were dead, newest first.",
  needs: "platform:read",
  params: none,
  query: Page.extend({
    host: HostParam.optional(),
    limit: Page.shape.limit.removeDefault().default(100),
  }),
  reply: z.object({ certificates: z.array(CertificateView), next: Next }),
  fails: { host_not_found: "not_found", cursor_not_valid: "invalid" },
});

export const getFence = reads({
  path: "/v1/fence-certificates/:certificate",
  summary: "One proof that a host was dead, with the very text that was signed.",
  needs: "platform:read",
  params: z.object({ certificate: z.uuid("must be the id of a certificate: holdfast fences") }),
  reply: CertificateView.extend({
    statement: z.string().describe("What the signature is of: every field, one per line."),
  }),
  fails: { certificate_not_found: "not_found" },
});

export const attestHost = changes("POST", {
  path: "/v1/hosts/:host/attest",
  summary:
    "Swear that a silent host is off. Its instances are started elsewhere: if it is not off, their volumes are destroyed.",
  needs: "platform:operate",
  params: ofHost,
  body: z.strictObject({
    name: z
      .string()
      .max(63)
      .describe("The name of the host once more, so that it is the right one."),
    reason: z.string().trim().min(3).max(500).describe("How you know."),
  }),
  reply: [200, CertificateView],
  fails: {
    host_not_found: "not_found",
    attestation_mismatch: "invalid",
    host_not_silent: "conflict",
  },
});

export const setBmc = changes("PUT", {
  path: "/v1/hosts/:host/bmc",
  summary: "How to switch this host off from outside: its Redfish system.",
  needs: "platform:operate",
  params: ofHost,
  body: z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "must be an http or https URL" })
      .max(500)
      .describe("For example https://bmc-7.example/redfish/v1/Systems/1"),
    user: z.string().min(1).max(100),
    password: z.string().max(200),
  }),
  reply: [200, z.object({ power: z.enum(["on", "off"]) })],
  fails: {
    host_not_found: "not_found",
    bmc_url_invalid: "invalid",
    power_unreachable: "unavailable",
    power_unreadable: "unavailable",
    power_forbidden: "forbidden",
  },
});

export const removeBmc = removes({
  path: "/v1/hosts/:host/bmc",
  summary: "Forget how to switch this host off.",
  needs: "platform:operate",
  params: ofHost,
  reply: z.object({ removed: z.boolean() }),
  fails: { host_not_found: "not_found" },
});

export const releaseBrake = changes("POST", {
  path: "/v1/fencing/release",
  summary:
    "Let fencing go on in a pod or zone although so much of it is silent at once. You have seen that it is the hosts, and not their network.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({
    domain: z
      .string()
      .regex(/^(pod|zone) [a-z0-9][a-z0-9-]{0,62}$/, "must be `pod NAME` or `zone NAME`"),
    minutes: z.number().int().min(1).max(1_440).default(15),
  }),
  reply: [200, z.object({ domain: z.string(), until: z.number() })],
  fails: { failure_domain_not_found: "not_found" },
});

export const MoveView = z.object({
  instance: z.string(),
  project: z.string(),
  id: z.string(),
  priority: z.number().int(),
  goes: z.string().nullable().describe("The host it would be started on; null if it would not be."),
  why: z.string().describe("Why there, or why not."),
});
export type MoveView = z.output<typeof MoveView>;

export const planFailover = reads({
  path: "/v1/hosts/:host/failover",
  summary:
    "What would happen if this host died now: how that would be proven, where each instance would go, which cannot and why. Nothing is changed.",
  needs: "platform:read",
  params: ofHost,
  reply: z.object({
    host: z.string(),
    proof: z.string().describe("What would prove it dead, and when after its last word."),
    moves: z.array(MoveView),
  }),
  fails: { host_not_found: "not_found" },
});
