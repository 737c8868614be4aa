/**
 * A wait that somebody else can end.
 *
 * Whoever starts a machine may have to wait for something that never comes, and whoever stops it must not.
 */
export interface Breakable<T> {
  /** As the wait, unless it is broken off before. Undefined where there is nothing to wait for. */
  readonly ready: Promise<T> | undefined;
  /** Rejects it with this, if it still waits. */
  breakOff(why: Error): void;
}

export function breakable<T>(wait: Promise<T> | undefined): Breakable<T> {
  if (!wait) return { ready: undefined, breakOff: () => {} };
  let breakOff: (why: Error) => void = () => {};
  const ready = new Promise<T>((resolve, reject) => {
    breakOff = reject;
    wait.then(resolve, reject);
  });
  ready.catch(() => {}); // It may be a while until somebody waits for it.
  return { ready, breakOff };
}
