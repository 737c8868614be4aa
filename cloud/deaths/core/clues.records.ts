/** Clues in what the platform itself wrote down: how the process ended, who wanted it ended, and what it was doing to it. */

import type { ExitReport } from "@holdfast/cloud/hosts";
import type { Instant } from "@holdfast/kernel/time";
import type { Finding } from "./certificate.ts";
import { at, type Clue, codeOf, signalOf } from "./clue.ts";
import type { Evidence } from "./evidence.ts";

export const recordClues = {
  record: {
    seeks: "how its process ended: an exit code or a signal",
    why: "a signal tells a crash from a kill; without it nobody can tell either from a power cut",
    look: ({ report }) => {
      const text = report && statusText(report);
      return report && text !== undefined ? [at(report, "host", text)] : [];
    },
  },
  launchProblem: {
    seeks: "an error of its launch",
    why: "a machine that never ran has not died of anything it did",
    look: ({ report }) =>
      report?.problem
        ? [at(report, "agent", `It could not be launched: ${report.problem.message}`)]
        : [],
  },
  neverLaunched: {
    seeks: "a seal on a launch that never was",
    why: "an order to stop may have come before the order to start was carried out",
    look: ({ report }) =>
      report?.status === "never-launched" ? [at(report, "host", "It was never launched.")] : [],
  },
  orderedEnd: {
    seeks: "an order from the platform to end it",
    why: "an end that was ordered is no accident",
    look: ({ report }) =>
      report?.requested ? [at(report, "agent", "Its agent was told to end it, and did.")] : [],
  },
  stopAsked: {
    seeks: "somebody's command to stop it",
    why: "what somebody asked for needs no other explanation",
    look: ({ asked, ...rest }) =>
      asked && asked.verb !== "destroy" ? [wanted(asked, rest.at)] : [],
  },
  destroyAsked: {
    seeks: "somebody's command to destroy it",
    why: "what somebody asked for needs no other explanation",
    look: ({ asked, ...rest }) => (asked?.verb === "destroy" ? [wanted(asked, rest.at)] : []),
  },
  maintenance: {
    seeks: "planned work on its host",
    why: "a host that is emptied ends its guests on purpose",
    look: ({ maintenance }) =>
      maintenance
        ? [
            {
              at: maintenance.at,
              source: "manager",
              says: `Its host was in mode ${maintenance.mode}.`,
            },
          ]
        : [],
  },
  migration: {
    seeks: "a migration that failed",
    why: "two hosts have a part in it, and either may have ended it",
    look: ({ migration }) =>
      migration
        ? [
            {
              at: migration.at,
              source: "manager",
              says: `It was being moved from ${migration.from} to ${migration.to}: ${migration.says}`,
            },
          ]
        : [],
  },
} as const satisfies Record<string, Clue>;

function wanted(asked: NonNullable<Evidence["asked"]>, otherwise: Instant): Finding {
  const who = asked.actor ?? "Somebody";
  const by = asked.job ? ` (job ${asked.job})` : "";
  return {
    at: asked.at ?? otherwise,
    source: "operator",
    says: `${who} asked to ${asked.verb} it${by}.`,
  };
}

function statusText(report: ExitReport): string | undefined {
  const [signal, code] = [signalOf(report), codeOf(report)];
  if (signal !== undefined) return `Its process ended by ${signal}.`;
  return code === undefined ? undefined : `Its process ended with exit code ${code}.`;
}
