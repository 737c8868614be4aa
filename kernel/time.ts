/**
 * Time, as something that is handed to you.
 *
 * Nothing in Holdfast asks the machine what time it is, except the one real clock in apps/. That
 * is why a simulated week takes a second, and why a failing seed fails again tomorrow.
 */
declare const unit: unique symbol;

/** A point in time, in milliseconds since the epoch. */
export type Instant = number & { readonly [unit]: "Instant" };
/** A length of time, in milliseconds. */
export type Duration = number & { readonly [unit]: "Duration" };

export interface Clock {
  now(): Instant;
  sleep(duration: Duration): Promise<void>;
}

export const seconds = (n: number) => (n * 1_000) as Duration;
export const milliseconds = (n: number) => n as Duration;
export const minutes = (n: number) => seconds(n * 60);
export const since = (earlier: Instant, now: Instant) => (now - earlier) as Duration;
export const after = (start: Instant, wait: Duration) => (start + wait) as Instant;
/** Of two moments that may never come the first to come. */
export function earlier<First extends Instant | undefined>(
  one: First,
  other: Instant | undefined,
): First | Instant {
  if (one === undefined) return other ?? one;
  return other !== undefined && other < one ? other : one;
}

/** Since the process began, in milliseconds: never jumps, means nothing outside of this process. */
export type Ticks = () => number;

/** A moment as logs and people read it: `2026-11-21T10:00:00.000Z`. */
export const iso = (moment: Instant) => new Date(moment).toISOString();
