/**
 * One call at a time; of those that wait only the newest is carried out. The others want less than it
 * knows, so they get its result.
 */
export interface NewestWins<Wish, Result> {
  (wish: Wish): Promise<Result>;
  /** Resolves when nothing is under way or waiting. */
  settled(): Promise<void>;
}

export function newestWins<Wish, Result>(
  carryOut: (wish: Wish) => Promise<Result>,
): NewestWins<Wish, Result> {
  let running: Promise<unknown> | undefined;
  let next: { wish: Wish; readonly result: Promise<Result> } | undefined;

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
    return turn;
  };
  return Object.assign(call, {
    async settled() {
      while (running) await running;
    },
  });

  function start(wish: Wish): Promise<Result> {
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
