/**
 * How often automation may start an instance again, and how long it pauses in between.
 *
 * The budget protects against crash loops: three in an hour (EC2 allows three recoveries a day,
 * CloudStack gives up after ten tries in a row without a pause). What is older than the window is
 * forgotten, so an instance that has been well for an hour has its whole budget again.
 */
import { type Duration, type Instant, milliseconds, since } from "@holdfast/kernel/time";
import type { Patience } from "./model.ts";

/**
 * The first restart in the window is at once: most that die do it once, and a pause would only make them
 * be away for longer. From the second on the pause doubles: 0.5 s, 1 s, 2 s, …
 */
const secondPause = 500;
const pauseBefore = (restarts: number): Duration =>
  milliseconds(restarts === 0 ? 0 : secondPause * 2 ** (restarts - 1));

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
  return pauseBefore(length);
}

/** How long the pause was that followed the last of these restarts, at most. */
export const lastPause = (restarts: readonly Instant[]): Duration =>
  pauseBefore(Math.max(0, restarts.length - 1));
