/**
 * How long to wait after passwords that were wrong: nothing for the first few, then twice as long each time.
 *
 * Counted for each name and for each address. An attempt counts when it begins, so that a thousand at the same
 * moment are a thousand, and is forgiven when the password was right. Waiting itself forgives as well: whoever stays
 * away for long begins again.
 */
import type { Duration, Instant } from "@holdfast/kernel/time";

export interface Tries {
  readonly count: number;
  readonly last: Instant;
}

export interface DelayRules {
  /** So many cost nothing. */
  readonly free: number;
  readonly longest: Duration;
}

const aSecond = 1_000;
/** Nothing is remembered of tries longer ago than this many times the longest delay. */
const memories = 4;

/** How much longer nobody may try. Nothing: now. */
export function waitOf(tries: Tries | undefined, rules: DelayRules, now: Instant): Duration {
  const delay = delayAfter(current(tries, rules, now), rules);
  const waited = tries ? Math.max(0, now - tries.last) : 0;
  return Math.max(0, delay - waited) as Duration; // Milliseconds.
}

/** After another one that has begun. */
export const tried = (tries: Tries | undefined, rules: DelayRules, now: Instant): Tries => ({
  count: current(tries, rules, now) + 1,
  last: now,
});

const current = (tries: Tries | undefined, { longest }: DelayRules, now: Instant) =>
  tries && now - tries.last < longest * memories ? tries.count : 0;

function delayAfter(count: number, { free, longest }: DelayRules): number {
  const over = count - free;
  return over < 0 ? 0 : Math.min(longest, aSecond * 2 ** Math.min(over, 30));
}
