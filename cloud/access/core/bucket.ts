/**
 * So many requests a second from each, and some more at once: a bucket that fills by itself. Pure but for its memory.
 *
 * What is remembered is bounded however many ask: a bucket that is full again says nothing and is dropped, and where
 * even the others are too many, those that were asked least recently are.
 */
import type { Duration, Instant } from "@holdfast/kernel/time";

export interface Pace {
  /** A second. 0: as many as they like. */
  readonly rate: number;
  readonly burst: number;
}

/** The part of each of several who count by themselves. Together they allow no more than one would. */
export const partOf = ({ rate, burst }: Pace, count: number): Pace => ({
  rate: rate / count,
  burst: Math.max(1, Math.floor(burst / count)),
});

interface Bucket {
  readonly left: number;
  readonly at: Instant;
}

export function buckets(most = 10_000) {
  /** In the order of the last asking. */
  const all = new Map<string, Bucket>();

  return {
    /** How long to wait before asking again; undefined: go ahead. */
    take(who: string, { rate, burst }: Pace, now: Instant): Duration | undefined {
      if (rate <= 0) return undefined;
      const { left, at } = all.get(who) ?? { left: burst, at: now };
      const present = Math.min(burst, left + (Math.max(0, now - at) / 1_000) * rate);
      all.delete(who);
      const isIn = present >= 1;
      all.set(who, { left: isIn ? present - 1 : present, at: now });
      if (all.size > most) forget(rate, burst, now);
      return isIn ? undefined : ((((1 - present) / rate) * 1_000) as Duration); // Milliseconds.
    },
    size: () => all.size,
  };

  function forget(rate: number, burst: number, now: Instant): void {
    for (const [who, { left, at }] of all) {
      const isFull = left + ((now - at) / 1_000) * rate >= burst;
      if (!isFull && all.size <= most) return;
      all.delete(who);
    }
  }
}
