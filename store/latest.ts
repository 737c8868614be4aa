/**
 * What is said again and again, and only the last word counts: written in batches, a few statements for
 * any number of speakers.
 *
 * Whatever arrives while one batch is being written goes into the next. A batch that cannot be written is
 * dropped: the next word says everything again.
 */
import { setTimeout as sleep } from "node:timers/promises";

export interface Latest<Key, Word> {
  heard(key: Key, word: Word): void;
  /** What waits is dropped. Resolves when what is being written is done. */
  close(): Promise<void>;
}

/** `gathering`: between one batch and the next at least; of a thousand speakers few batches become. Milliseconds. */
export function latest<Key, Word>(
  write: (batch: ReadonlyMap<Key, Word>) => Promise<void>,
  onError: (error: unknown) => void,
  gathering = 0,
): Latest<Key, Word> {
  let waiting = new Map<Key, Word>();
  let writing: Promise<void> | undefined;
  let isOpen = true;

  return {
    heard(key, word) {
      waiting.set(key, word); // Of two from the same speaker the later one counts.
      writing ??= drain();
    },
    async close() {
      isOpen = false;
      waiting.clear();
      await writing;
    },
  };

  async function drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // Whatever else is arriving comes along.
    while (waiting.size > 0) {
      const batch = waiting;
      waiting = new Map();
      try {
        await write(batch);
      } catch (error) {
        onError(error);
      }
      if (isOpen && gathering > 0) await sleep(gathering);
    }
    writing = undefined;
  }
}
