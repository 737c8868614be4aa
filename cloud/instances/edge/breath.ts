/**
 * Long lists in short pieces. Whoever asks for one waits a dozen times for its turn until it has an answer: for who it is,
 * for what it wants, for its pass. While somebody's thousand were judged without a pause, each of these was a tenth of a second.
 */
const usual = 32;

/** In order, with everybody else's turn between one piece and the next. */
export async function inBreaths<Item>(
  items: Iterable<Item>,
  act: (item: Item) => void,
  piece = usual,
): Promise<void> {
  let left = piece;
  for (const item of items) {
    if (left-- === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      left = piece - 1;
    }
    act(item);
  }
}

/** Does all of this without waiting for its ends, about `many` things each, and resolves when all have ended. */
export async function begunInBreaths(
  works: readonly (() => Promise<unknown>)[],
  many: number,
): Promise<void> {
  const begun: Promise<unknown>[] = [];
  const begin = (work: () => Promise<unknown>) => {
    const one = work();
    one.catch(() => {}); // It may fail before anybody waits for it below.
    begun.push(one);
  };
  await inBreaths(works, begin, many > usual ? 1 : works.length);
  await Promise.all(begun);
}
