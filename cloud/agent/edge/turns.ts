/**
 * One after the other, and so many at a time: what an agent does for a host with one disk and few processors.
 *
 * What fails does not hold up what comes behind it; whoever asked is told, and nobody else.
 */

/** What concerns the same is done one after the other, in the order in which it was asked. */
export function turns<Key>() {
  const last = new Map<Key, Promise<void>>();
  return (key: Key, work: () => Promise<void>): Promise<void> => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work);
    const over = mine
      .catch(() => {})
      .then(() => {
        if (last.get(key) === over) last.delete(key);
      });
    last.set(key, over);
    return mine;
  };
}

/** Lets so many through at a time; the others wait in line. */
export function gate(first: number) {
  let most = first;
  let inside = 0;
  const line: (() => void)[] = [];
  const admit = () => {
    while (inside < most && line.length > 0) {
      inside++;
      line.shift()?.();
    }
  };
  return {
    limit(count: number) {
      most = count;
      admit();
    },
    async through<T>(work: () => Promise<T>): Promise<T> {
      await new Promise<void>((enter) => {
        line.push(enter);
        admit();
      });
      try {
        return await work();
      } finally {
        inside--;
        admit();
      }
    },
  };
}
