/**
 * What a drill owes to those whose things it breaks: a list of how each is put right, paid in the opposite order.
 *
 * Promised before the harm is done, not after: whoever presses Ctrl-C in between would leave it broken. And
 * nothing is broken any more once somebody has done so.
 */
export interface Mending {
  /** Throws what the interruption says instead, once there was one. */
  promise(mend: () => Promise<void>): void;
  /** Puts everything right that was promised and is not yet. Tries all; rejects with the first that failed. */
  all(): Promise<void>;
}

export function mendingOf(interrupted: AbortSignal): Mending {
  const promised: (() => Promise<void>)[] = [];
  let last: Promise<void> = Promise.resolve();
  return {
    promise(mend) {
      interrupted.throwIfAborted();
      promised.push(mend);
    },
    // In turn: an interruption mends while the drill itself may be about to.
    all() {
      last = last.then(pay, pay);
      return last;
    },
  };

  async function pay(): Promise<void> {
    const failures: unknown[] = [];
    for (let mend = promised.pop(); mend; mend = promised.pop())
      await mend().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
