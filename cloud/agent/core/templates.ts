/**
 * Which templates a host keeps. They are a cache: whatever goes is made again when somebody wants it.
 *
 * The one that was asked for last is kept even if it is bigger than all there is room for: it would be made
 * again for each start, and each start would go without.
 */
import type { Instant } from "@holdfast/kernel/time";

export interface Kept {
  readonly directory: string;
  /** What it is good for. */
  readonly key: string;
  readonly bytes: number;
  readonly usedAt: Instant;
}

/** Those that must go, the one that was used longest ago first. `limit` in bytes; zero keeps none. */
export function surplus(kept: readonly Kept[], limit: number): readonly Kept[] {
  const latestFirst = [...kept].sort((a, b) => b.usedAt - a.usedAt);
  let room = limit;
  const going = latestFirst.filter(({ bytes }, index) => {
    room -= bytes;
    return limit <= 0 || (index > 0 && room < 0);
  });
  return going.reverse();
}
