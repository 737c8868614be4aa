/**
 * How often automation may start an instance again, and how long it pauses in between.
 *
 * The budget protects against crash loops: three in an hour (EC2 allows three recoveries a day,
 * CloudStack gives up after ten tries in a row without a pause). What is older than the window is
 * forgotten, so an instance that has been well for an hour has its whole budget again.
 */
import { type Duration, type Instant, milliseconds, since } from "@holdfast/kernel/time";
import type { Patience } from "./model.ts";

/** Doubles with each restart in the window: 0.5 s, 1 s, 2 s, … */
const firstPause = milliseconds(500);

export const recent = (restarts: readonly Instant[], now: Instant, patience: Patience) =>
  restarts.filter((at) => since(at, now) < patience.restartWindow);

/** The pause before the next restart, or undefined when the budget is spent. */
export function restartDelay(
  restarts: readonly Instant[],
  now: Instant,
  patience: Patience,
): Duration | undefined {
  const { length } = recent(restarts, now, patience);
  if (length >= patience.restartsPerWindow) return undefined;
  return milliseconds(firstPause * 2 ** length);
}

/** How long the pause was that followed the last of these restarts, at most. */
export const lastPause = (restarts: readonly Instant[]): Duration =>
  milliseconds(firstPause * 2 ** Math.max(0, restarts.length - 1));
