/**
 * `events`: what is planned for instances, when it may happen, and what is done then. With the name of an
 * instance alone it is that one's journal: what has happened, next to what will.
 */

import {
  type EventCode,
  eventCodes,
  type MaintenancePolicy,
  maintenancePolicies,
} from "@holdfast/cloud/events";
import {
  cancelScheduledEvent,
  createWindow,
  deleteWindow,
  getMaintenancePolicy,
  listScheduledEvents,
  listWindows,
  moveScheduledEvent,
  type ScheduledEventView,
  scheduleEvent,
  setMaintenancePolicy,
} from "@holdfast/cloud/events/api";
import { onePage } from "@holdfast/kernel/pages";
import { Argument, type Command } from "commander";
import { type Group, unknownWord } from "../group.ts";
import { momentFrom, rangeFrom } from "../moments.ts";
import { list } from "../options.ts";
import type { Session } from "../session.ts";
import { eventTable, windowTable } from "../text/events.ts";
import { showJournal } from "./history.ts";

type Open = (command: Command) => Session;

export const eventsGroup: Group = (program, open) => {
  const events = program
    .command("events")
    .summary("list what is planned for instances, or show the journal of one")
    .description(
      "Lists what is planned for the instances of the project: what happens to which, when, until when it can be put off, and what its owner can do now that makes it needless. With an instance: shows its journal, each change of it, by whom, and the evidence.",
    )
    .helpCommand(false)
    .argument("[instance]", "whose journal to show: its name or id")
    .option("-f, --follow", "go on with the journal as more happens")
    .addHelpText(
      "after",
      "\nExamples:\n  holdfast events\n  holdfast events web --follow\n  holdfast events reschedule 0197a000-0000-7000-8000-0000000000e1 +1d",
    )
    .action(async (instance: string | undefined, { follow }: { follow?: true }, command) => {
      const session = open(command);
      if (instance !== undefined) return showJournal(session, instance, follow === true);
      await listPlanned(session, undefined, false);
    });

  events
    .command("list")
    .summary("list what is planned")
    .description(listScheduledEvents.summary)
    .option("--instance <instance>", "only for this one")
    .option("--all", "also what was over within the last week")
    .action(async ({ instance, all }: { instance?: string; all?: true }, command) =>
      listPlanned(open(command), instance, all === true),
    );

  events
    .command("reschedule")
    .summary("move an event to another time")
    .description(moveScheduledEvent.summary)
    .argument("<event>", "its id")
    .argument("<time>", "+2h, or a date such as 2026-11-22T02:00Z")
    .action(async (event: string, time: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, event };
      const body = { notBefore: momentFrom(time, session.now()) };
      const reply = await session.call(moveScheduledEvent, { params, body });
      session.show(reply, () => eventTable([reply], session.now(), session.paint));
    });

  events
    .command("schedule")
    .summary("schedule an event for one instance, as an operator")
    .description(scheduleEvent.summary)
    .argument("<instance>", "its name or id")
    .addArgument(new Argument("<code>", "what happens").choices(eventCodes))
    .option("--at <time>", "when: +2h, 2026-11-22T02:00Z (now)")
    .option("--deadline <time>", "its owner may put it off, but not until then")
    .option("--says <text>", "why, for its owner to read")
    .action(
      async (
        instance: string,
        code: EventCode,
        options: { at?: string; deadline?: string; says?: string },
        command,
      ) => {
        const session = open(command);
        const at = (text: string | undefined) =>
          text === undefined ? undefined : momentFrom(text, session.now());
        const { at: from, deadline, says } = options;
        const { project } = session.options;
        const body = { project, instance, code, says, notBefore: at(from), deadline: at(deadline) };
        const asked = session.call(scheduleEvent, { body });
        const reply = await session.named("instance", instance, asked);
        session.show(reply, () => eventTable([reply], session.now(), session.paint));
      },
    );

  events
    .command("cancel")
    .summary("call an event off, as an operator")
    .description(cancelScheduledEvent.summary)
    .argument("<event>", "its id")
    .action(async (event: string, _, command) => {
      const session = open(command);
      const reply = await session.call(cancelScheduledEvent, { params: { event } });
      session.show(reply, () => `${reply.code} of ${reply.instance} is called off.`);
    });

  events
    .command("policy")
    .summary("show or choose what is done with an instance when its host is emptied")
    .description(`${setMaintenancePolicy.summary} Without a policy: shows the one that it has.`)
    .argument("<instance>", "its name or id")
    .addArgument(new Argument("[policy]", "from now on").choices(maintenancePolicies))
    .action(
      async (instance: string, policy: MaintenancePolicy | undefined, _, command: Command) => {
        const session = open(command);
        const params = { project: session.options.project, instance };
        const asked = policy
          ? session.call(setMaintenancePolicy, { params, body: { policy } })
          : session.call(getMaintenancePolicy, { params });
        const reply = await session.named("instance", instance, asked);
        session.show(reply, () => `${instance}: ${policyWords[reply.policy]}`);
      },
    );

  windowCommands(events, open);
};

async function listPlanned(
  session: Session,
  instance: string | undefined,
  isAll: boolean,
): Promise<void> {
  const params = { project: session.options.project };
  const query = { instance, all: `${isAll}` as const };
  const { events } = await onePage("events", (after) =>
    session.call(listScheduledEvents, { params, query: { ...query, after } }),
  );
  // What comes first, and then what is over.
  const isOver = ({ state }: ScheduledEventView) => (state === "active" ? 0 : 1);
  const sorted = events.toSorted(
    (one, other) => isOver(one) - isOver(other) || one.notBefore - other.notBefore,
  );
  const reply = { events: sorted, next: null };
  session.show(reply, () =>
    reply.events.length > 0
      ? eventTable(reply.events, session.now(), session.paint)
      : `Nothing is planned in project ${params.project}.`,
  );
}

const policyWords = {
  migrate:
    "migrate: it is moved while it runs if that can be, otherwise stopped and started elsewhere.",
  stop: "stop: it is stopped and started elsewhere.",
  reboot: "reboot: it goes down with its host, and comes back to it.",
} as const satisfies Record<MaintenancePolicy, string>;

function windowCommands(events: Command, open: Open): void {
  const windows = events
    .command("windows")
    .summary("list when events may rather happen, or change it")
    .description(listWindows.summary)
    .helpCommand(false)
    .allowExcessArguments()
    .action(async (_, command: Command) => {
      if (command.args.length > 0) unknownWord(command, command.args[0] ?? "");
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("windows", (after) =>
        session.call(listWindows, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.windows.length > 0
          ? windowTable(reply.windows, session.now(), session.paint)
          : `No event windows in project ${params.project}: events come when their work does.`,
      );
    });

  windows
    .command("add")
    .summary("say when events may rather happen")
    .description(
      `${createWindow.summary} A range is two hours or longer, all of a window four or more.`,
    )
    .argument("<name>", "to call it by")
    .argument("<range...>", '"mon 02-06", "sat 22 - sun 02"; in UTC')
    .option("--instance <instance>", "only for this one; may be repeated", list)
    .addHelpText(
      "after",
      '\nExample:\n  holdfast events windows add nights "sun 02-06" "wed 02-04"',
    )
    .action(
      async (
        name: string,
        ranges: readonly string[],
        { instance }: { instance?: readonly string[] },
        command: Command,
      ) => {
        const session = open(command);
        const params = { project: session.options.project };
        const body = {
          name,
          ranges: ranges.map(rangeFrom),
          instances: instance && [...instance],
        };
        const reply = await session.call(createWindow, { params, body });
        session.show(reply, () => windowTable([reply], session.now(), session.paint));
      },
    );

  windows
    .command("delete")
    .summary("forget a window")
    .description(deleteWindow.summary)
    .argument("<window>", "its name or id")
    .action(async (window: string, _, command: Command) => {
      const session = open(command);
      const params = { project: session.options.project, window };
      const reply = await session.call(deleteWindow, { params });
      session.show(reply, () => `${reply.name} is deleted; what is scheduled stays.`);
    });
}
