/** Rings when something appears in a directory. May be deaf: whoever waits says for how long at most. */
import { watch } from "node:fs";

export interface Doorbell {
  /** Resolves at the next ring, and after so many milliseconds in case there is none. */
  next(atMost: number): Promise<void>;
  close(): void;
}

export function doorbell(dir: string): Doorbell {
  let ring = () => {};
  const watcher = watch(dir, { persistent: false }, () => ring()).on("error", () => {});
  const next = (atMost: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, atMost);
      ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  return { next, close: () => watcher.close() };
}
