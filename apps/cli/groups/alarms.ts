/** `alarms`: what is done by itself when a status check has failed. */

import {
  alarmActions,
  alarmChecks,
  createAlarm,
  deleteAlarm,
  getAlarm,
  getAlarmHistory,
  listAlarms,
} from "@holdfast/cloud/checks/api";
import { onePage } from "@holdfast/kernel/pages";
import { Option } from "commander";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import { alarmDetails, alarmEventLine, alarmTable } from "../text/health.ts";

interface CreateOptions {
  readonly instance?: string;
  readonly check: (typeof alarmChecks)[number];
  readonly periods: number;
  readonly action: (typeof alarmActions)[number];
  readonly webhook?: string;
  readonly secret?: string;
}

export const alarmsGroup: Group = (program, open) => {
  const list = async (command: Parameters<typeof open>[0]) => {
    const session = open(command);
    const params = { project: session.options.project };
    const reply = await onePage("alarms", (after) =>
      session.call(listAlarms, { params, query: { after } }),
    );
    session.show(reply, () =>
      reply.alarms.length > 0
        ? alarmTable(reply.alarms, session.now(), session.paint)
        : `No alarms in project ${params.project}. Make one: holdfast alarms create`,
    );
  };
  const alarms = listing(
    program,
    "alarms",
    "list alarms, or change them",
    "Lists what is done by itself when a status check has failed.",
    list,
  );

  alarms
    .command("list")
    .summary("list alarms")
    .description("Lists the alarms of the project; the same as `holdfast alarms`.")
    .action((_, command) => list(command));

  alarms
    .command("create")
    .summary("have something done when a check has failed")
    .description(
      `${createAlarm.summary} It is done once each time the alarm begins to ring, and not again while it does.`,
    )
    .argument("<name>", "a new name")
    .option("--instance <instance>", "the one to watch; all of the project if left out")
    .addOption(
      new Option("--check <check>", "the check to watch").choices(alarmChecks).default("any"),
    )
    .option("--periods <n>", "for how many intervals in a row it must have failed", whole, 1)
    .addOption(
      new Option("--action <action>", "what to do").choices(alarmActions).makeOptionMandatory(),
    )
    .option("--webhook <url>", "with notify: where to send what has changed")
    .option("--secret <secret>", "with notify: what signs it; made up if left out")
    .action(async (name: string, options: CreateOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const { instance, check, periods, action, webhook, secret } = options;
      const body = { name, instance, check, periods, action, webhook, secret };
      const asked = session.call(createAlarm, { params, body });
      const reply = await (instance === undefined
        ? asked
        : session.named("instance", instance, asked));
      session.show(reply, () => alarmDetails(reply, session.now(), session.paint));
      if (reply.secret !== null)
        session.note(`Its secret, which is not shown again: ${reply.secret}`);
    });

  alarms
    .command("show")
    .summary("show an alarm")
    .description("Shows an alarm: what it watches, what it does, and what it rings for now.")
    .argument("<alarm>", "its name or id")
    .action(async (alarm: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, alarm };
      const reply = await session.call(getAlarm, { params });
      session.show(reply, () => alarmDetails(reply, session.now(), session.paint));
    });

  alarms
    .command("delete")
    .summary("delete an alarm")
    .description(deleteAlarm.summary)
    .argument("<alarm>", "its name or id")
    .action(async (alarm: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, alarm };
      const reply = await session.call(deleteAlarm, { params });
      session.show(reply, () => `${reply.name} is deleted.`);
    });

  alarms
    .command("history")
    .summary("show when an alarm rang and what it did")
    .description(getAlarmHistory.summary)
    .argument("<alarm>", "its name or id")
    .action(async (alarm: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, alarm };
      const reply = await session.call(getAlarmHistory, { params });
      session.show(reply, () =>
        reply.events.map((event) => alarmEventLine(event, session.paint)).join("\n"),
      );
    });
};
