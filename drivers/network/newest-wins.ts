/**
 * One call at a time; of those that wait only the newest is carried out. The others want less than it
 * knows, so they get its result.
 */
import type { Duration } from "@holdfast/kernel/time";

export interface NewestWins<Wish, Result> {
  (wish: Wish): Promise<Result>;
  /** Resolves when nothing is under way or waiting. */
  settled(): Promise<void>;
  /**
   * What `see` resolves with while nothing is under way. Where something began meanwhile it is asked again, unless `isFine`
   * with what it saw anyway.
   */
  between<T>(see: () => Promise<T>, isFine: (seen: T) => boolean): Promise<T>;
  /** For whoever carries out: resolves after this long, or at once when somebody waits, and says whether anybody does. */
  lull(atMost: Duration): Promise<boolean>;
}

export function newestWins<Wish, Result>(
  carryOut: (wish: Wish) => Promise<Result>,
): NewestWins<Wish, Result> {
  let running: Promise<unknown> | undefined;
  let next: { wish: Wish; readonly result: Promise<Result> } | undefined;
  let endLull = () => {};
  let turns = 0;

  const call = (wish: Wish): Promise<Result> => {
    if (!running) return start(wish);
    if (next) {
      next.wish = wish;
      return next.result;
    }
    const turn = running.then(() => {
      const newest = next?.wish ?? wish;
      next = undefined;
      return start(newest);
    });
    next = { wish, result: turn };
    endLull();
    return turn;
  };
  return Object.assign(call, {
    settled,
    async between<T>(see: () => Promise<T>, isFine: (seen: T) => boolean) {
      for (;;) {
        await settled();
        const before = turns;
        const seen = await see();
        if (turns === before || isFine(seen)) return seen;
      }
    },
    async lull(atMost: Duration) {
      if (next) return true;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, atMost);
        endLull = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      return next !== undefined;
    },
  });

  /** Between two turns nothing is running, and whoever waits has its turn next. */
  async function settled(): Promise<void> {
    while (running || next) await running;
  }

  function start(wish: Wish): Promise<Result> {
    turns++;
    const result = carryOut(wish);
    const over = result.then(
      () => {},
      () => {},
    );
    const mine = over.then(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return result;
  }
}
