/**
 * Whether the control plane is demonstrably gone, judged from the shared pools. Pure.
 *
 * A host shows itself in a pool whenever a manager has answered it. While any manager serves any other
 * host, that host's stamp moves at least once per lease. So where stamps can be seen and none moves,
 * nobody can be told to start our guests, and they may live. Silence alone is not that: a pool that
 * cannot be read proves nothing, and whoever cannot see it loses the excuse.
 */

/** What was seen of one pool, in milliseconds of the steady clock. */
export interface PoolSight {
  readonly watchedSince: number;
  /** When the last reading that succeeded was begun. */
  readonly readAt: number | undefined;
  /** When the last writing that succeeded was begun. */
  readonly wroteAt: number | undefined;
  /** When another host's stamp was last seen to have moved; undefined: never. */
  readonly movedAt: number | undefined;
  /** When they began to move after a calm that was seen; undefined: they were moving when it was first looked. */
  readonly movingSince: number | undefined;
}

/**
 * - `lost`: it does not answer, so it shows nothing.
 * - `moving`: stamps have moved since the lease ended: managers are there, only not for us.
 * - `unsure`: watched for too short a time; or they have only just begun to move again, so that managers may
 *   be coming back and will have an answer for us as well.
 * - `quiet`: nothing has moved for three seconds: others have lost their managers as well.
 * - `still`: nothing has moved for so long that nobody else can hold a lease.
 */
export type PoolVerdict = "lost" | "moving" | "unsure" | "quiet" | "still";

/** A reading or writing that is older than this shows nothing any more: six readings missed. */
export const poolPatience = 3_000;
/** Three heartbeats: a host that is served has shown itself. */
export const quietAfter = 3_000;
/** A move is written at once and seen by the next reading: half a second, and as much again for slow storage. */
const seenWithin = 1_000;

/** `lease` and `killBudget` in milliseconds, as the lease said them. */
export function judgePool(
  { watchedSince, readAt, wroteAt, movedAt, movingSince }: PoolSight,
  now: number,
  leaseEndedAt: number,
  { lease, killBudget }: { readonly lease: number; readonly killBudget: number },
): PoolVerdict {
  const isLate = (at: number | undefined) => now - (at ?? watchedSince) > poolPatience;
  if (isLate(readAt) || isLate(wroteAt)) return "lost";
  if (readAt === undefined || wroteAt === undefined) return "unsure";
  const calmSince = Math.max(watchedSince, movedAt ?? Number.NEGATIVE_INFINITY);
  const calm = readAt - calmSince;
  if (calm >= lease + seenWithin) return "still";
  if (calm >= quietAfter) return "quiet";
  const hasMoved = movedAt !== undefined && movedAt > Math.max(leaseEndedAt, watchedSince);
  // Managers that come back count from the beginning that they see, as they do from a renewal. One that was
  // not seen may be long ago: then there is only as much time as a guard takes to hear of its own lease.
  const [beganAt, patience] =
    movingSince === undefined ? [watchedSince, killBudget] : [movingSince, lease + killBudget];
  const isBeginning = beganAt > leaseEndedAt && now - beganAt < patience;
  return hasMoved && !isBeginning ? "moving" : "unsure";
}

const worst: readonly PoolVerdict[] = ["lost", "moving", "unsure", "quiet", "still"];

/** All pools together: the one that shows least. A host without pools has no evidence. */
export function judgePools(verdicts: readonly PoolVerdict[]): PoolVerdict {
  return worst.find((verdict) => verdicts.includes(verdict)) ?? "lost";
}
