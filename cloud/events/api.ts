/** What the world may ask about planned work. Pure declarations; edge/routes.ts answers them. */
import { HostParam } from "@holdfast/cloud/hosts/api";
import { Name } from "@holdfast/cloud/instances/api";
import { changes, lists, none, reads, removes } from "@holdfast/kernel/declare";
import { Flag, inProject, Next, Page, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { maintenanceLife } from "./core/life.ts";
import { maintenancePolicies, works } from "./core/maintenance.ts";
import { eventCodes } from "./core/model.ts";
import { days } from "./core/windows.ts";

const ofHost = z.object({ host: HostParam });
/** The year 2200: a moment beyond it is a mistake, and PostgreSQL's own end is not far. */
const Moment = z.number().int().min(0).max(7_258_118_400_000).describe("Milliseconds since 1970.");
const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");

const Reason = z.string().trim().min(1).max(200);

export const MaintenancePolicyShape = z
  .enum(maintenancePolicies)
  .describe(
    "When its host is emptied: `migrate` while it runs if that can be, otherwise as `stop`; `stop` and start elsewhere; `reboot` with its host.",
  );

export const FateView = z.object({
  instance: z.string(),
  name: z.string(),
  project: z.string(),
  does: z
    .enum(["migrate", "stop", "reboot", "wait", "stay"])
    .describe(
      "`stop`: and start elsewhere. `reboot`: be down for as long as its host is. `wait`: something is under way that decides. `stay`: nothing.",
    ),
  to: z.string().nullable().describe("The host that would have it now."),
  says: z.string(),
  code: z.enum(eventCodes).nullable().describe("The event that its owner sees."),
  notBefore: z.number().nullable().describe("When that is due, where there is one already."),
  losesEphemeral: z.boolean().describe("What is on its ephemeral disks is lost."),
  obstacle: z.string().nullable().describe("Why nothing is done about it now."),
});
export type FateView = z.output<typeof FateView>;

export const MaintenanceView = z.object({
  id: z.string(),
  host: z.string(),
  work: z.enum(works),
  state: z.enum(maintenanceLife.states),
  since: z.number().describe("When it came into this state."),
  reason: z.string(),
  startsAt: z.number(),
  noticeSeconds: z.number().int(),
  deadline: z.number().nullable(),
  endsAt: z.number().nullable(),
  obstacles: z
    .array(
      z.object({
        instance: z.string().nullable(),
        name: z.string(),
        says: z.string(),
        fix: z.string(),
      }),
    )
    .describe("What it does not get on for, and what to do about each."),
  createdAt: z.number(),
  createdBy: z.string(),
});
export type MaintenanceView = z.output<typeof MaintenanceView>;
export const MaintenanceDetail = MaintenanceView.extend({ instances: z.array(FateView) });
export type MaintenanceDetail = z.output<typeof MaintenanceDetail>;

export const MaintenanceRequest = z
  .strictObject({
    work: z
      .enum(works)
      .optional()
      .describe(
        "`empty` (if absent): nothing may run there. `retire`: nor come back to it. `interrupt`: what cannot be moved stays, and may be cut off or rebooted for a moment.",
      ),
    startsAt: Moment.optional().describe("Now if absent."),
    deadline: Moment.optional().describe(
      "By then it is empty, whatever owners have chosen. Without it nothing can be put off, and what finds no room elsewhere is not stopped. What is under way keeps its own if absent.",
    ),
    endsAt: Moment.optional().describe("Only to interrupt: when it is over by itself."),
    noticeSeconds: z
      .number()
      .int()
      .min(0)
      .max(86_400)
      .optional()
      .describe("Owners are told so long before anything is stopped; `events.notice` if absent."),
    reason: Reason.optional(),
  })
  .default({});
export type MaintenanceRequest = z.output<typeof MaintenanceRequest>;

const planFails = {
  host_not_found: "not_found",
  maintenance_times_wrong: "invalid",
  maintenance_under_way: "conflict",
} as const;

export const previewMaintenance = changes("POST", {
  path: "/v1/hosts/:host/maintenance/preview",
  summary: "What would become of each instance if this work began now, and why. Changes nothing.",
  needs: "platform:read",
  params: ofHost,
  body: MaintenanceRequest,
  reply: [200, z.object({ instances: z.array(FateView) })],
  fails: planFails,
});

export const planMaintenance = changes("PUT", {
  path: "/v1/hosts/:host/maintenance",
  summary:
    "Plan work on a host, or change what is planned. Once it is under way only its deadline, its end and its reason can be changed.",
  needs: "platform:operate",
  params: ofHost,
  body: MaintenanceRequest,
  reply: [200, MaintenanceDetail],
  fails: planFails,
});

export const listMaintenance = reads({
  path: "/v1/maintenance",
  summary: "Work on hosts that is planned or under way; with `all`, also what is over.",
  needs: "platform:read",
  params: none,
  query: Page.extend({ all: Flag }),
  reply: z.object({ maintenance: z.array(MaintenanceView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});

export const getMaintenance = reads({
  path: "/v1/hosts/:host/maintenance",
  summary: "The work on one host, and what is being done about each instance that is still there.",
  needs: "platform:read",
  params: ofHost,
  reply: MaintenanceDetail,
  fails: { host_not_found: "not_found", maintenance_not_found: "not_found" },
});

export const endMaintenance = removes({
  path: "/v1/hosts/:host/maintenance",
  summary:
    "Give a host back, however far the work got. What was not begun is called off; what went down with it comes back to it.",
  needs: "platform:operate",
  params: ofHost,
  reply: MaintenanceView,
  fails: { host_not_found: "not_found", maintenance_not_found: "not_found" },
});

export const getMaintenancePolicy = reads({
  path: "/v1/projects/:project/instances/:instance/maintenance-policy",
  summary: "What is done with an instance when its host is emptied.",
  needs: "project:read",
  params: inProject.extend({ instance: InstanceParam }),
  reply: z.object({ policy: MaintenancePolicyShape }),
  fails: { instance_not_found: "not_found" },
});

export const setMaintenancePolicy = changes("PUT", {
  path: "/v1/projects/:project/instances/:instance/maintenance-policy",
  summary: "Choose what is done with an instance when its host is emptied.",
  needs: "project:operate",
  params: inProject.extend({ instance: InstanceParam }),
  body: z.strictObject({ policy: MaintenancePolicyShape }),
  reply: [200, z.object({ policy: MaintenancePolicyShape })],
  fails: { instance_not_found: "not_found" },
});

export const ScheduledEventView = z.object({
  id: z.string(),
  instance: z.string(),
  project: z.string(),
  code: z.enum(eventCodes),
  says: z.string(),
  notBefore: z.number(),
  notAfter: z.number().nullable(),
  deadline: z
    .number()
    .nullable()
    .describe("It can be moved to a time before this; null: it cannot."),
  state: z.enum(["active", "completed", "canceled"]),
  begunAt: z.number().nullable().describe("It is being carried out since."),
  endedAt: z.number().nullable(),
  outcome: z.string().nullable().describe("How it ended, in words."),
  clearedBy: z
    .array(z.enum(["stop-start", "reboot", "migrate"]))
    .describe("What its owner can do now that makes it needless."),
  createdAt: z.number(),
});
export type ScheduledEventView = z.output<typeof ScheduledEventView>;

const EventParam = z.string().regex(/^[0-9a-f-]{36}$/, "must be an event's id");
const ofEvent = inProject.extend({ event: EventParam });

export const listScheduledEvents = reads({
  path: "/v1/projects/:project/events",
  summary:
    "What is planned for the instances of a project; with `all`, also what is over since a week.",
  needs: "project:read",
  params: inProject,
  query: Page.extend({
    instance: InstanceParam.optional(),
    all: Flag,
  }),
  reply: z.object({ events: z.array(ScheduledEventView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});

export const moveScheduledEvent = changes("PATCH", {
  path: "/v1/projects/:project/events/:event",
  summary:
    "Move an event: to at least an hour from now and before its deadline, not in its last five minutes.",
  needs: "project:operate",
  params: ofEvent,
  body: z.strictObject({ notBefore: Moment }),
  reply: [200, ScheduledEventView],
  fails: {
    event_not_found: "not_found",
    event_over: "conflict",
    event_fixed: "conflict",
    event_begun: "conflict",
    event_imminent: "conflict",
    event_notice: "conflict",
    event_deadline: "conflict",
  },
});

export const scheduleEvent = changes("POST", {
  path: "/v1/events",
  summary:
    "Schedule an event for one instance, as its operator. Work on a whole host is planned with the host.",
  needs: "platform:operate",
  params: none,
  body: z.strictObject({
    project: ProjectParam,
    instance: InstanceParam,
    code: z.enum(eventCodes),
    notBefore: Moment.optional().describe("Now if absent."),
    notAfter: Moment.optional(),
    deadline: Moment.optional().describe("Its owner may move it to a time before this."),
    says: Reason.optional(),
  }),
  reply: [201, ScheduledEventView],
  fails: {
    project_not_found: "not_found",
    instance_not_found: "not_found",
    event_needless: "conflict",
    event_times_wrong: "invalid",
  },
});

export const cancelScheduledEvent = removes({
  path: "/v1/events/:event",
  summary: "Call off an event that was scheduled for one instance and has not begun.",
  needs: "platform:operate",
  params: z.object({ event: EventParam }),
  reply: ScheduledEventView,
  fails: {
    event_not_found: "not_found",
    event_over: "conflict",
    event_begun: "conflict",
    event_of_maintenance: "conflict",
  },
});

const Hour = z.number().int().min(0).max(23);
export const RangeShape = z.strictObject({
  startDay: z.enum(days),
  startHour: Hour.describe("0 to 23, UTC."),
  endDay: z.enum(days),
  endHour: Hour,
});
export const WindowView = z.object({
  id: z.string(),
  name: z.string(),
  ranges: z.array(RangeShape),
  instances: z
    .array(z.string())
    .nullable()
    .describe("Whose events it is for; null: of all that are in no other."),
  createdAt: z.number(),
});
export type WindowView = z.output<typeof WindowView>;

export const listWindows = lists({
  path: "/v1/projects/:project/event-windows",
  summary: "When, in the week, a project would rather have its events.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ windows: z.array(WindowView), next: Next }),
});

export const createWindow = changes("POST", {
  path: "/v1/projects/:project/event-windows",
  summary:
    "Say when events may rather happen, weekly and in UTC. It is kept to where the deadline of the work allows, and moves nothing that is scheduled already.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    name: Name,
    ranges: z.array(RangeShape).min(1).max(50),
    instances: z
      .array(InstanceParam)
      .min(1)
      .max(100)
      .optional()
      .describe("Of all instances that are in no other window, if absent."),
  }),
  reply: [201, WindowView],
  fails: {
    event_window_short: "invalid",
    name_taken: "conflict",
    instance_not_found: "not_found",
    event_window_taken: "conflict",
  },
});

export const deleteWindow = removes({
  path: "/v1/projects/:project/event-windows/:window",
  summary: "Forget a window. What is scheduled stays.",
  needs: "project:operate",
  params: inProject.extend({
    window: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a window's name or id"),
  }),
  reply: WindowView,
  fails: { event_window_not_found: "not_found" },
});
