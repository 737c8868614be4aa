/**
 * Who of those that are overdue only waits for its turn, and who was passed over.
 *
 * What is due is taken the oldest first, some hundreds in a pass. Where a rack dies, thousands are due at one moment, and the
 * last of them are taken long after it though nobody is stuck. So while there is a crowd only its front can be late: whoever
 * has been seen among the next for longer than a turn takes. That many of them are due at the very same moment is usual,
 * so the front is told by its order and not by times.
 */
import { after, type Instant, seconds } from "@holdfast/kernel/time";

/** As many as one pass takes. Where fewer are overdue, none of them waits for another. */
export const front = 500;
/** A pass takes its front in a second or two. */
const turn = seconds(5);
/** The last of a crowd were not in its front when it was last seen to be one. */
const aftermath = seconds(10);

export interface Queue {
  /** Since when each of the front has been seen there. */
  readonly since: ReadonlyMap<string, Instant>;
  /** When there was last a crowd; undefined: never. */
  readonly crowdedAt: Instant | undefined;
}

export const noQueue: Queue = { since: new Map(), crowdedAt: undefined };

/** `overdue`: all of them, or the first of them; those first whose turn is next. */
export function follow(before: Queue, overdue: readonly string[], now: Instant): Queue {
  return {
    since: new Map(overdue.slice(0, front).map((id) => [id, before.since.get(id) ?? now])),
    crowdedAt: overdue.length >= front ? now : before.crowdedAt,
  };
}

/** Undefined: there is no crowd, and whoever is overdue waits for nobody. */
export function passedOver(
  { since, crowdedAt }: Queue,
  now: Instant,
): ReadonlySet<string> | undefined {
  if (crowdedAt === undefined || now >= after(crowdedAt, aftermath)) return undefined;
  return new Set([...since].flatMap(([id, first]) => (now >= after(first, turn) ? [id] : [])));
}
