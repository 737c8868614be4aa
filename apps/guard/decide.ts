/**
 * What a guard does at one moment, from all that it knows. Pure; it remembers nothing.
 *
 * Two things are decided apart: whether fenceable guests are *killed*, and whether the watchdog is *petted*.
 * Petting needs more certainty, because a manager counts on the watchdog having last been petted before the
 * lease ended. So there is a while in which neither is done.
 *
 * The bound that all of it serves: a manager may start a guest elsewhere S after the last renewal that it
 * handled, with S > (A + max(K, W)) × (1 + drift).
 */
import { judgePool, judgePools, type PoolSight, poolPatience, quietAfter } from "./headless.ts";
import { expiresAt, type Lease } from "./lease.ts";

export interface Situation {
  readonly now: number;
  readonly startedAt: number;
  readonly lease: Lease | undefined;
  readonly pools: readonly PoolSight[];
  /** How many fenceable machines are alive; undefined if that cannot be read, which may mean any number. */
  readonly alive: number | undefined;
  /** When the agent last passed on a renewal; undefined: never. */
  readonly agentHeardAt: number | undefined;
}

export interface Decision {
  readonly isValid: boolean;
  /** No lease, and nobody else can have one: live on. */
  readonly isHeadless: boolean;
  /** Kill every fenceable machine, again and again. */
  readonly isQuarantined: boolean;
  readonly shouldPet: boolean;
  /** The agent has said nothing for a while: ask the managers ourselves. */
  readonly shouldAsk: boolean;
}

/** Two heartbeats missed and the third overdue. */
export const askAfter = 3_000;
/**
 * A pool that was watched for this long has shown what it can: by then it has been read after it could have
 * been calm for long enough, or it has not been read for so long that it is lost. On a busy machine a reading
 * takes more than a second, and whoever restarts guards together with the managers has such a machine.
 */
const judgedWithin = quietAfter + poolPatience;

export function decide(situation: Situation): Decision {
  const { now, lease, alive, agentHeardAt } = situation;
  const isValid = now < expiresAt(lease);
  const shouldAsk =
    lease !== undefined && now - (agentHeardAt ?? Number.NEGATIVE_INFINITY) >= askAfter;
  if (isValid)
    return { isValid, isHeadless: false, isQuarantined: false, shouldPet: true, shouldAsk };
  const verdict = judge(situation);
  const isHeadless = verdict === "still" || verdict === "quiet";
  return {
    isValid,
    isHeadless,
    isQuarantined: !isHeadless && (verdict !== "unsure" || isTimeUp(situation)),
    shouldPet: alive === 0 || verdict === "still",
    shouldAsk,
  };
}

function judge({ now, lease, pools }: Situation) {
  // A guard that was never told anything does not know its pools; it hears of them within a second.
  if (!lease) return "unsure";
  const verdicts = pools.map((pool) => judgePool(pool, now, expiresAt(lease), lease));
  return judgePools(verdicts);
}

/**
 * Whether the evidence has had its time. After the end of a lease: half the kill budget, the rest is for
 * killing. After the start of a guard: until a pool can have been judged. After the first sign of managers
 * that come back: a lease and the kill budget, because they count from that sign as they do from a renewal, and
 * have many hosts to welcome. Nothing is petted meanwhile, so the watchdog bounds all of it.
 */
function isTimeUp({ now, startedAt, lease, pools }: Situation): boolean {
  if (!lease) return now >= startedAt + judgedWithin;
  const ended = expiresAt(lease);
  const waits = pools.flatMap(({ watchedSince, movingSince }) => [
    watchedSince + judgedWithin,
    ...(movingSince && movingSince > ended ? [movingSince + lease.lease + lease.killBudget] : []),
  ]);
  return now >= Math.max(ended + lease.killBudget / 2, ...waits);
}
