/** What a drill has shown, for people: what was expected, what happened when, and whether the cause was named. */

import { type DrillName, drillOf, drills } from "./drills.ts";
import type { Outcome, Report, Testimony } from "./report.ts";
import type { Timeline } from "./timeline.ts";

export function catalogueText(): string {
  const names = Object.keys(drills) as readonly DrillName[]; // Its own keys.
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => {
    const { on, does } = drillOf(name);
    const what = on === "platform" ? "" : on.toUpperCase();
    return `  ${name.padEnd(width)}  ${what.padEnd(8)}  ${does}; ${expected(name)}`;
  });
  return lines.join("\n");
}

export function expected(name: DrillName): string {
  const { expects } = drillOf(name);
  switch (expects.guest) {
    case "lives":
      return "no guest notices";
    case "leaves":
      return "its guests are told, leave, and are well";
    case "stalls":
      return "the guest stands still until that is over";
    case "dies":
      return `the cause is ${[expects.causes.join(" or "), expects.panic].filter(Boolean).join(", ")}`;
  }
}

const steps: Readonly<Record<keyof Timeline, string>> = {
  traced: "first trace of it",
  ended: "its process ended",
  detected: "detected",
  cause: "cause known",
  proof: "host proven dead",
  placed: "new launch asked for",
  launched: "runs again",
  up: "guest up again",
};

export function reportText(report: Report): string {
  const { drill, subject, outcomes, steps: done, witnesses, noticed, back, isAsExpected } = report;
  const around = [
    { what: "seen to be away", at: noticed },
    { what: outcomes.length > 0 ? "host back" : "back", at: back },
  ];
  return [
    `${drill} on ${subject}: ${isAsExpected ? "as expected" : "NOT as expected"} (${expected(drill)})`,
    ...outcomes.flatMap(outcomeLines),
    ...done.map(({ what, at }, index) => timeLine("  ", what, at, since(done, index))),
    ...(done.length > 0 ? [] : around).flatMap(({ what, at }) =>
      at === undefined ? [] : [timeLine("  ", what, at)],
    ),
    ...(outcomes.length === 0 && back === undefined ? ["  It did NOT come back."] : []),
    ...witnesses.map((one) => `  ${one.name}: ${testimonyText(one)}`),
  ].join("\n");
}

function outcomeLines(outcome: Outcome): readonly string[] {
  const { instance, named, says, confidence, amendedTo, isRight, stuck, from, to } = outcome;
  const moved = from !== to && to ? `, on ${to} and no longer on ${from}` : "";
  const sure = confidence ? ` (${confidence})` : "";
  return [
    `  ${instance}${moved}`,
    ...timelineLines(outcome.timeline),
    `    ${"named".padEnd(width)}  ${named ?? "nothing"}${sure}: ${isRight ? "right" : "WRONG"}${says ? `. ${says}` : ""}`,
    ...(amendedTo
      ? [`    ${"amended to".padEnd(width)}  ${amendedTo}, once its host was back`]
      : []),
    ...(stuck ? [`    NOT up again: it is ${stuck}`] : []),
  ];
}

/** As it happened, and how long each step took after the one before. */
function timelineLines(timeline: Timeline): readonly string[] {
  const known = stepNames.flatMap((step) => {
    const at = timeline[step];
    return at === undefined ? [] : [{ what: steps[step], at }];
  });
  const inOrder = known.sort((a, b) => a.at - b.at);
  return inOrder.map(({ what, at }, index) => {
    const before = inOrder[index - 1];
    return timeLine("    ", what, at, before && at - before.at);
  });
}

/** How long it took after the step before. */
function since(done: Report["steps"], index: number): number | undefined {
  const before = done[index - 1];
  const at = done[index]?.at;
  return before && at !== undefined ? at - before.at : undefined;
}

function testimonyText({ faults, spoke, says }: Testimony): string {
  if (faults.length > 0) return faults.join("; ");
  if (says !== undefined) return says;
  return spoke
    ? "has not noticed, and remembers what it was told"
    : "has not noticed; nobody is at its console";
}

const stepNames = Object.keys(steps) as readonly (keyof Timeline)[]; // Its own keys.
const width = Math.max(...Object.values(steps).map((what) => what.length));
const inSeconds = (milliseconds: number) => (milliseconds / 1_000).toFixed(3);

function timeLine(indent: string, what: string, at: number, more?: number): string {
  const label = `${indent}${what}`.padEnd(width + 4);
  const step = more === undefined ? "" : `  +${inSeconds(more)}`;
  return `${label}${inSeconds(at).padStart(9)} s${step}`;
}
