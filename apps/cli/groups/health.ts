/** `status`: how instances look from outside. `health`: what is wrong now, anywhere. */

import { getHealth, getStatus, listStatuses, type StatusView } from "@holdfast/cloud/checks/api";
import { onePage } from "@holdfast/kernel/pages";
import { Option } from "commander";
import { exits } from "../exits.ts";
import type { Group } from "../group.ts";
import { healthText, statusTable, statusText, summaries } from "../text/health.ts";

interface StatusOptions {
  readonly summary?: StatusView["summary"];
}

export const healthGroup: Group = (program, open) => {
  program
    .command("status")
    .summary("show the three status checks of an instance, or of all")
    .description(
      "Shows the status checks of an instance: system (what the platform owes it), instance (the guest itself) and volume (its disk). They never change its state. Without an instance, lists those of all that a host may be running.",
    )
    .argument("[instance]", "its name or id")
    .addOption(
      new Option("--summary <summary>", "without an instance: only those").choices(summaries),
    )
    .action(async (instance: string | undefined, { summary }: StatusOptions, command) => {
      const session = open(command);
      if (instance === undefined) {
        const params = { project: session.options.project };
        const reply = await onePage("statuses", (after) =>
          session.call(listStatuses, { params, query: { summary, after } }),
        );
        return session.show(reply, () =>
          reply.statuses.length > 0
            ? statusTable(reply.statuses, session.now(), session.paint)
            : `No instance of project ${params.project} is ${summary ?? "running"}.`,
        );
      }
      if (summary) command.error("error: --summary is for a list, and this is one instance");
      const params = { project: session.options.project, instance };
      const asked = session.call(getStatus, { params });
      const reply = await session.named("instance", instance, asked);
      session.show(reply, () => statusText(reply, session.now(), session.paint));
    });

  program
    .command("health")
    .summary("show what is wrong now")
    .description(
      "Shows what is wrong now: since when, what it affects, what is being done, and what to do. Ends with 0 if all is well and with 9 if not, so that a script can ask.",
    )
    .action(async (_, command) => {
      const session = open(command);
      const reply = await session.call(getHealth);
      session.show(reply, () => healthText(reply, session.now(), session.paint));
      if (!reply.isWell) session.leaveWith(exits.troubled.code);
    });
};
