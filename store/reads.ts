/**
 * Reading once for many: whoever asks while an answer is being read shares the next reading.
 *
 * Nobody is ever given an answer that was read before they asked, so this is not a cache: a token that
 * was revoked a moment ago is refused. The busier a manager is, the more questions one statement answers.
 */

/**
 * Questions for the same key share a reading. A reading that fails fails for those who share it. It begins when this turn of
 * the loop has been heard to its end: of a crowd that comes at once nobody is read for alone. Where one of that key is under
 * way, it begins as that ends, and is shared by all who have come until then.
 */
export function shared<Value>(read: (key: string) => Promise<Value>) {
  const running = new Map<string, Promise<Value>>();
  const planned = new Map<string, Promise<Value>>();

  return (key: string): Promise<Value> => {
    const later = planned.get(key);
    if (later) return later;
    const before = running.get(key)?.then(noMatter, noMatter) ?? endOfTurn();
    const next = before.then(() => begin(key));
    planned.set(key, next);
    return next;
  };

  function begin(key: string): Promise<Value> {
    planned.delete(key);
    const reading = read(key).finally(() => {
      if (running.get(key) === reading) running.delete(key);
    });
    running.set(key, reading);
    return reading;
  }
}

/** Questions for different keys go into one reading, which may find nothing for some of them. */
export function together<Key, Value>(
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>,
) {
  let waiting: Key[] = [];
  const next = shared(() => {
    const keys = waiting;
    waiting = [];
    return read(keys);
  });
  return async (key: Key): Promise<Value | undefined> => {
    waiting.push(key);
    return (await next("")).get(key);
  };
}

/**
 * The same for what is said instead of asked: whatever arrives while one batch is being taken in goes into the
 * next, in order. All of a batch succeed or fail together.
 */
export function inBatches<Item>(take: (items: readonly Item[]) => Promise<void>) {
  let waiting: Item[] = [];
  const next = shared(() => {
    const items = waiting;
    waiting = [];
    return take(items);
  });
  return (item: Item): Promise<void> => {
    waiting.push(item);
    return next("");
  };
}

const noMatter = () => {};

let ending: Promise<void> | undefined;
/** One for all who wait for it: what each of them asks then is still asked in one breath. */
function endOfTurn(): Promise<void> {
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      ending = undefined;
      resolve();
    });
  });
  return ending;
}
