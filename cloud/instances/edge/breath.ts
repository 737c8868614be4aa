/**
 * Long lists in short pieces. Whoever asks for one waits a dozen times for its turn until it has an answer: for who it is,
 * for what it wants, for its pass. While somebody's thousand were judged without a pause, each of these was a tenth of a second.
 */
const piece = 32;

/** In order, with everybody else's turn between one piece and the next. */
export async function inBreaths<Item>(
  items: Iterable<Item>,
  act: (item: Item) => void,
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
