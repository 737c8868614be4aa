/** How instances look from outside, and what is planned for them. */

import { loadStatuses, type Status } from "@holdfast/cloud/checks/edge";
import {
  listScheduledEvents,
  moveScheduledEvent,
  type ScheduledEventView,
} from "@holdfast/cloud/events/api";
import { grouped } from "@holdfast/kernel/grouped";
import { everyPage } from "@holdfast/kernel/pages";
import type { Instant } from "@holdfast/kernel/time";
import { refuse, shortened } from "../core/errors.ts";
import { filtering, type Known } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { type InstanceRow, stateOf } from "../core/instance.ts";
import type { InstanceStatus, InstanceStatusEvent, InstanceStatusSummary } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { findInstanceRow, findInstances, readInstances } from "./instance-rows.ts";
import { chosen } from "./pages.ts";
import { placeOf } from "./places.ts";

const filters: Known<InstanceStatus> = {
  "attached-ebs-status.status": ({ AttachedEbsStatus }) => AttachedEbsStatus?.Status,
  "availability-zone": ({ AvailabilityZone }) => AvailabilityZone,
  "event.code": ({ Events = [] }) => Events.map(({ Code }) => Code),
  "event.description": ({ Events = [] }) => Events.map(({ Description }) => Description),
  "event.instance-event-id": ({ Events = [] }) =>
    Events.map(({ InstanceEventId }) => InstanceEventId),
  "instance-state-code": ({ InstanceState }) => InstanceState?.Code,
  "instance-state-name": ({ InstanceState }) => InstanceState?.Name,
  "instance-status.reachability": ({ InstanceStatus }) =>
    InstanceStatus?.Details?.map(({ Status }) => Status),
  "instance-status.status": ({ InstanceStatus }) => InstanceStatus?.Status,
  "system-status.reachability": ({ SystemStatus }) =>
    SystemStatus?.Details?.map(({ Status }) => Status),
  "system-status.status": ({ SystemStatus }) => SystemStatus?.Status,
};

export const statusAnswers: Answers = {
  async DescribeInstanceStatus(call) {
    const { input, database, project } = call;
    const passes = filtering(input.Filters, filters);
    const ids = input.InstanceIds;
    const isWanted = (row: InstanceRow) =>
      input.IncludeAllInstances === true || stateOf(row).Name === "running";
    const { zone } = await placeOf(call);
    // What is filtered by is known only once it has been looked at, so a page of rows is looked at as a whole.
    const looked = new Map<string, InstanceStatus>();
    const look = async (rows: readonly InstanceRow[]) => {
      const some = rows.filter(isWanted);
      const running = some.filter((row) => stateOf(row).Name === "running").map(({ id }) => id);
      const statuses =
        running.length === 0
          ? []
          : await loadStatuses(database, { ids: running }, call.checkLimits(), call.clock.now());
      const byId = new Map(statuses.map((status) => [status.id as string, status]));
      const events =
        running.length === 0
          ? []
          : await eventsOf(call, running.length === 1 ? running[0] : undefined);
      const byName = grouped(events, ({ instance }) => instance);
      for (const row of some)
        looked.set(row.id, statusOf(row, byId.get(row.id), byName.get(row.name) ?? [], zone));
      return rows;
    };
    const pick = ({ id }: InstanceRow) => {
      const status = looked.get(id);
      return status && passes(status) ? status : undefined;
    };
    const { page, next } = await chosen(input, "instance", ids, {
      find: async (ids) => look(await findInstances(database, project, ids)),
      read: async (from, count) => look(await readInstances(database, project, from, count)),
      pick,
    });
    return { InstanceStatuses: page, ...next };
  },

  async ModifyInstanceEventStartTime(call) {
    const { InstanceId = "", InstanceEventId = "", NotBefore } = call.input;
    const { id } = await findInstanceRow(call.database, call.project, InstanceId);
    readId("event", InstanceEventId);
    if (NotBefore === undefined)
      throw refuse("MissingParameter", "The request must contain the parameter NotBefore");
    const events = await eventsOf(call, id);
    const event = events.find((one) => idOf("event", one.id) === InstanceEventId);
    if (!event)
      throw refuse(
        "InvalidInstanceEventIDNotFound",
        `The event '${shortened(InstanceEventId)}' does not exist`,
      );
    const moved = await call.native(moveScheduledEvent, {
      params: { event: event.id },
      body: { notBefore: NotBefore },
    });
    return { Event: eventOf(moved) };
  },
};

function statusOf(
  row: InstanceRow,
  status: Status | undefined,
  events: readonly ScheduledEventView[],
  zone: string,
): InstanceStatus {
  return {
    AvailabilityZone: row.zone ?? zone,
    Events: events.map(eventOf),
    InstanceId: idOf("instance", row.id),
    InstanceState: stateOf(row),
    InstanceStatus: summaryOf(status?.checks.instance),
    SystemStatus: summaryOf(status?.checks.system),
    AttachedEbsStatus: summaryOf(status?.checks.volume),
  };
}

const words = {
  passed: "ok",
  failed: "impaired",
  initializing: "initializing",
  "insufficient-data": "insufficient-data",
} as const;

/** What is planned for one instance, or for all of the project. */
const eventsOf = (call: Call, instance: string | undefined) =>
  everyPage(
    (after) => call.native(listScheduledEvents, { query: { instance, after } }),
    ({ events }) => events,
  );

/** Without a check there is nothing to look at: it does not run. */
function summaryOf(check: Status["checks"]["system"] | undefined): InstanceStatusSummary {
  if (!check) return { Status: "not-applicable" };
  const since = check.impairedSince === undefined ? {} : { ImpairedSince: check.impairedSince };
  return {
    Details: [{ ...since, Name: "reachability", Status: check.status }],
    Status: words[check.status],
  };
}

const eventOf = (event: ScheduledEventView): InstanceStatusEvent => ({
  InstanceEventId: idOf("event", event.id),
  Code: event.code,
  Description:
    event.state === "active"
      ? event.says
      : `[${event.state === "completed" ? "Completed" : "Canceled"}] ${event.says}`,
  ...(event.notAfter === null ? {} : { NotAfter: event.notAfter as Instant }), // A view's times are numbers.
  NotBefore: event.notBefore as Instant,
  ...(event.deadline === null ? {} : { NotBeforeDeadline: event.deadline as Instant }),
});
