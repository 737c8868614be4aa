/**
 * The network between one host and the managers, which can be cut in each direction, lose or delay.
 *
 * What is sent over a cut cable is not gone: TCP sends it again, and it arrives when the cable is mended,
 * unless somebody has given the connection up by then. That is what makes a cut worse than a crash: nobody
 * is told. So what waits here arrives late, in its order.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Dial } from "@holdfast/cloud/agent/edge";
import type { Random } from "@holdfast/kernel/random";

export type Direction = "up" | "down";

export interface Cable {
  cut(...directions: readonly Direction[]): void;
  mend(): void;
  /** This share of what is sent has to be sent again, and again if need be. */
  lose(share: number): void;
  dial(dial: Dial): Dial;
  /** A question and its answer, given up after `patience` milliseconds. */
  ask<T>(patience: number, question: () => Promise<T>): Promise<T>;
}

/** TCP waits so long before it sends again, and twice as long each time after. */
const resendAfter = 200;
/** The patience of an agent with a connection that does not open; see dial.ts. */
const handshake = 5_000;

export function newCable(random: Random): Cable {
  const cuts = new Set<Direction>();
  let waiting: (() => void)[] = [];
  let loss = 0;
  return {
    cut(...directions) {
      for (const direction of directions) cuts.add(direction);
    },
    mend() {
      cuts.clear();
      loss = 0;
      const late = waiting;
      waiting = [];
      for (const go of late) go();
    },
    lose(share) {
      loss = share;
    },
    dial: (dial) => async (onText, onClose) => {
      const up = lane("up");
      const down = lane("down");
      await within(handshake, async () => {
        await passed("up");
        await passed("down");
      });
      const wire = await dial(
        (text) => down(() => onText(text)),
        (reason) => down(() => onClose(reason)),
      );
      return {
        send: (text) => up(() => wire.send(text)),
        close: () => up(() => wire.close()),
      };
    },
    ask: (patience, question) =>
      within(patience, async () => {
        await passed("up");
        await passed("down"); // A connection comes first, and that takes both.
        const answer = await question();
        await passed("down");
        return answer;
      }),
  };

  /** In order: what comes behind something that was lost has to wait for it. */
  function lane(direction: Direction) {
    let last = Promise.resolve();
    let queued = 0;
    return (act: () => void) => {
      if (queued === 0 && !cuts.has(direction) && loss === 0) return act();
      queued++;
      last = last
        .then(() => passed(direction))
        .then(() => {
          queued--;
          act();
        });
    };
  }

  async function passed(direction: Direction): Promise<void> {
    for (let wait = resendAfter; random.below(1_000) < loss * 1_000; wait *= 2) await sleep(wait);
    while (cuts.has(direction)) await new Promise<void>((resolve) => waiting.push(resolve));
  }
}

async function within<T>(patience: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("timed out")), patience);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
