/** What the world may ask about how things are: status checks, alarms on them, and what is wrong now. */
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { inProject, Label, Next, Page } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { alarmActions, alarmChecks, alarmStates } from "./core/alarm.ts";
import { checkNames, checkStatuses, summaries } from "./core/model.ts";
import { severities } from "./core/trouble.ts";

const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");
const AlarmParam = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an alarm's name or id");
const AlarmName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,61}[a-z0-9]$|^[a-z]$/,
    "must be 1 to 63 lower-case letters, digits and dashes, begin with a letter and not end with a dash",
  );

export const CheckView = z.object({
  status: z.enum(checkStatuses),
  impairedSince: z.number().nullable().describe("When the first failure was, while it has failed."),
  says: z.string().describe("What was seen."),
  fix: z.string().nullable().describe("What to do or type next, where something is wrong."),
});
export type CheckView = z.output<typeof CheckView>;

export const StatusView = z.object({
  instance: z.string(),
  name: z.string(),
  state: z.string(),
  host: z.string().nullable(),
  summary: z
    .enum(summaries)
    .describe(
      "ok: all three pass. impaired: one has failed. not-applicable: there is nothing to check while it does not run.",
    ),
  checks: z.object({
    system: CheckView.describe(
      "What the platform owes the guest: host, link, storage path, hypervisor process.",
    ),
    instance: CheckView.describe("The guest itself: boot, panic, watchdog, its agent."),
    volume: CheckView.describe("Whether its disk completes what it is asked."),
  }),
  observedAt: z.number().nullable().describe("When its host last looked at it."),
});
export type StatusView = z.output<typeof StatusView>;

export const getStatus = reads({
  path: "/v1/projects/:project/instances/:instance/status",
  summary: "The three status checks of an instance. They never change its state.",
  needs: "project:read",
  params: inProject.extend({ instance: InstanceParam }),
  reply: StatusView,
  fails: { instance_not_found: "not_found" },
});

export const listStatuses = reads({
  path: "/v1/projects/:project/statuses",
  summary: "The status checks of all instances that a host may be running, or of those alike.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({
    summary: z
      .enum(summaries)
      .optional()
      .describe("Those of a page that have another are left out of it, so that it may be empty."),
  }),
  reply: z.object({ statuses: z.array(StatusView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});

export const TroubleView = z.object({
  code: z.string().describe("A stable word, for example instance-lost."),
  severity: z
    .enum(severities)
    .describe("outage: it does not run. degraded: it suffers. risk: the next fault would hurt."),
  subject: z.object({
    kind: z.enum(["instance", "host", "zone", "platform"]),
    id: z.string(),
    name: z.string(),
  }),
  since: z.number(),
  says: z.string(),
  affects: z.object({ count: z.number().int(), names: z.array(z.string()) }),
  doing: z.string().describe("What the platform is doing about it."),
  fix: z.string().nullable().describe("What a person can do."),
});
export type TroubleView = z.output<typeof TroubleView>;

export const getHealth = reads({
  path: "/v1/health",
  summary:
    "What is wrong now, since when, what it affects and what is being done; the worst first. Operators see everything, a project's token its own.",
  needs: "project:read",
  params: none,
  reply: z.object({
    isWell: z.boolean(),
    troubles: z.array(TroubleView),
    unknown: z.array(z.string()).describe("What could not be found out, and why."),
  }),
});

export const AlarmView = z.object({
  id: z.string(),
  name: z.string(),
  instance: z.string().nullable().describe("The name of the instance; null for all."),
  check: z.enum(alarmChecks),
  periods: z.number().int(),
  action: z.enum(alarmActions),
  webhook: z.string().nullable(),
  state: z.enum(alarmStates).describe("Of several instances the worst."),
  since: z.number().nullable(),
  ringing: z.array(z.string()).describe("The names of the instances it rings for."),
  createdAt: z.number(),
  createdBy: z.string(),
});
export type AlarmView = z.output<typeof AlarmView>;

const Webhook = z
  .string()
  .max(2_000)
  .refine(
    (text) => /^https?:\/\/[^/?#@\s]+([/?][^\s#]*)?$/i.test(text),
    "must be an http or https URL without a user, a password and a fragment",
  );

export const CreateAlarm = z
  .strictObject({
    name: AlarmName,
    instance: Label.optional().describe("Its name or id. Absent: all instances of the project."),
    check: z.enum(alarmChecks).default("any"),
    periods: z
      .number()
      .int()
      .min(1)
      .max(8_640)
      .default(1)
      .describe("For how many intervals in a row the check must have been failed."),
    action: z.enum(alarmActions),
    webhook: Webhook.optional().describe("Where to send what has changed; with `notify` only."),
    secret: z
      .string()
      .min(16)
      .max(200)
      .optional()
      .describe("Signs what is sent. Made up if absent; it is shown once."),
  })
  .refine(({ action, webhook }) => (action === "notify") === (webhook !== undefined), {
    path: ["webhook"],
    error: "is needed with the action notify, and only with that",
  });

export const createAlarm = changes("POST", {
  path: "/v1/projects/:project/alarms",
  summary: "Have something done when a status check has failed: recover, reboot, stop or notify.",
  needs: "project:operate",
  params: inProject,
  body: CreateAlarm,
  reply: [
    201,
    AlarmView.extend({
      secret: z.string().nullable().describe("For checking signatures. It is not shown again."),
    }),
  ],
  fails: {
    instance_not_found: "not_found",
    alarm_name_taken: "conflict",
    too_many_alarms: "exhausted",
  },
});

export const listAlarms = lists({
  path: "/v1/projects/:project/alarms",
  summary: "The alarms of a project.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ alarms: z.array(AlarmView), next: Next }),
});

const ofAlarm = inProject.extend({ alarm: AlarmParam });

export const getAlarm = reads({
  path: "/v1/projects/:project/alarms/:alarm",
  summary: "One alarm.",
  needs: "project:read",
  params: ofAlarm,
  reply: AlarmView,
  fails: { alarm_not_found: "not_found" },
});

export const deleteAlarm = removes({
  path: "/v1/projects/:project/alarms/:alarm",
  summary: "Delete an alarm. What it has begun is finished; its history stays.",
  needs: "project:operate",
  params: ofAlarm,
  reply: AlarmView,
  fails: { alarm_not_found: "not_found" },
});

export const AlarmEventView = z.object({
  seq: z.number().int(),
  at: z.number(),
  event: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  actor: z.string(),
  detail: z.unknown(),
});
export type AlarmEventView = z.output<typeof AlarmEventView>;

export const getAlarmHistory = reads({
  path: "/v1/projects/:project/alarms/:alarm/history",
  summary: "When an alarm rang, what it did and how that went, oldest first.",
  needs: "project:read",
  params: ofAlarm,
  query: z.strictObject({
    after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(500),
  }),
  reply: z.object({ events: z.array(AlarmEventView) }),
  fails: { alarm_not_found: "not_found" },
});

export { alarmActions, alarmChecks, checkNames };
