/**
 * When an alarm rings, and when what it does is tried again.
 *
 * An alarm looks at how long a check has been failed, and keeps no count of its own: whoever evaluates it
 * late, twice or after a crash of its manager comes to the same answer. It acts on the way into `alarm`
 * and not while it is there, so one fault is one reboot, however long it lasts.
 */
import { type Duration, type Instant, milliseconds, since } from "@holdfast/kernel/time";
import { type CheckName, type Checks, checkNames, type Limits, type Summary } from "./model.ts";

export const alarmActions = ["recover", "reboot", "stop", "notify"] as const;
export type AlarmAction = (typeof alarmActions)[number];

export const alarmStates = ["ok", "alarm", "insufficient-data"] as const;
export type AlarmState = (typeof alarmStates)[number];

/** `any`: whichever of the three fails. */
export const alarmChecks = ["any", ...checkNames] as const;
export type AlarmCheck = (typeof alarmChecks)[number];

export interface AlarmRule {
  readonly check: AlarmCheck;
  /** For how many intervals in a row the check must have been failed. */
  readonly periods: number;
}

/** What an alarm says of one instance now; undefined: it stays as it was. */
export function evaluate(
  { check, periods }: AlarmRule,
  { summary, checks }: { readonly summary: Summary; readonly checks: Checks },
  limits: Pick<Limits, "interval">,
  now: Instant,
): { readonly state: AlarmState; readonly by?: CheckName } | undefined {
  // What is stopped on purpose is not watched; the fault that made it ring is over with its process.
  if (summary === "not-applicable") return { state: "insufficient-data" };
  const watched = check === "any" ? checkNames : [check];
  const failed = watched.filter((name) => checks[name].status === "failed");
  const due = failed.find(
    (name) => since(checks[name].changedAt, now) >= (periods - 1) * limits.interval,
  );
  if (due) return { state: "alarm", by: due };
  if (failed.length > 0) return undefined; // It has not lasted long enough, and is not over either.
  if (watched.every((name) => checks[name].status === "passed")) return { state: "ok" };
  // Booting again after a reset is not well yet: the alarm that asked for the reset is still on.
  if (watched.some((name) => checks[name].status === "initializing")) return undefined;
  return { state: "insufficient-data" };
}

/** One state for an alarm that watches many instances: the worst. */
export function worst(states: readonly AlarmState[]): AlarmState {
  if (states.includes("alarm")) return "alarm";
  return states.includes("ok") ? "ok" : "insufficient-data";
}

const firstPause = 1_000;
const longestPause = 300_000;

/** The pause after so many attempts, in milliseconds: 1 s, 2 s, 4 s, …, at most 5 minutes. */
export const retryPause = (attempts: number): Duration =>
  milliseconds(Math.min(longestPause, firstPause * 2 ** Math.max(0, attempts - 1)));
