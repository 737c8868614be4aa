/** What has happened to an instance, as the journal, its console and every log tell it. */
import { reads } from "@holdfast/kernel/declare";
import { z } from "zod";
import { ofInstance } from "./words.ts";

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
