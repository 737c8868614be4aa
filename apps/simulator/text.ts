/** What people read of a run: its story, its summary, and what to type to see it again. */
import type { Item } from "./plan.ts";
import type { Outcome } from "./run.ts";
import type { Line } from "./story.ts";

export const lineText = ({ at, who, what }: Line) =>
  `${seconds(at).padStart(11)}  ${who.padEnd(12)} ${what}`;

export const itemText = ({ at, do: deed, on, other, lasts, how }: Item) =>
  [
    `${seconds(at).padStart(9)}  ${deed}`,
    how,
    `on ${on}`,
    other > 0 ? `and ${other}` : "",
    lasts > 0 ? `for ${seconds(lasts)} s` : "",
  ]
    .filter(Boolean)
    .join(" ");

export function summaryText(outcome: Outcome): string {
  const { options, faults, users, deaths, recoveries, violations } = outcome;
  const counted = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([name, count]) => `${name} ${count}`).join(", ") || "none";
  const work = new Set(["create", "start", "stop", "reboot", "destroy", "recover", "expunge"]);
  const struck = new Map([...faults].filter(([name]) => !work.has(name)));
  return [
    `seed ${options.seed}: ${violations.length === 0 ? "nothing broke" : "BROKEN"}, fingerprint ${outcome.fingerprint}`,
    `  ${options.hosts} hosts, ${options.managers} managers, ${outcome.launches} launches, ${users.asked} wishes of users (${users.accepted} accepted, ${users.refused} refused)`,
    `  faults and work: ${counted(struck)}`,
    `  deaths: ${counted(deaths)}`,
    `  from death to up again: ${recoveries.length} times, half within ${seconds(percentile(recoveries, 0.5))} s, 99 % within ${seconds(percentile(recoveries, 0.99))} s`,
    `  ${seconds(outcome.worldTime)} s of the world in ${seconds(outcome.realTime)} s; ${outcome.turns} turns, ${outcome.statements} statements (${outcome.blocked} waited for locks, ${outcome.deadlocks} deadlocks)`,
    ...violations.map((violation) => `  VIOLATION: ${violation}`),
  ].join("\n");
}

const seconds = (milliseconds: number) => (milliseconds / 1_000).toFixed(3);

const percentile = (ascending: readonly number[], share: number) =>
  ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0;
