/**
 * A file that is likely to be wanted next, made before anybody waits for it: one like the last one that was made.
 *
 * One only, of one kind. What is made for many at once is made by each of them, as if there were no spare.
 */
import { rm } from "node:fs/promises";
import type { Duration } from "@holdfast/kernel/time";

export interface Spares {
  /** The file of this kind that is there, if one is; it is the caller's from then on. */
  take(kind: string): string | undefined;
  /** One that was taken and was of no use. */
  putBack(kind: string, file: string): void;
  /** One of this kind was wanted. A while after the last such word `make` makes another, and resolves with its file. */
  wanted(kind: string, make: () => Promise<string>): void;
}

export function spares(after: Duration): Spares {
  let spare: { readonly kind: string; readonly file: string } | undefined;
  let timer: NodeJS.Timeout | undefined;
  return {
    take(kind) {
      if (spare?.kind !== kind) return undefined;
      const { file } = spare;
      spare = undefined;
      return file;
    },
    putBack(kind, file) {
      if (spare)
        void rm(file, { force: true }).catch(() => {}); // There has come another meanwhile.
      else spare = { kind, file };
    },
    wanted(kind, make) {
      clearTimeout(timer);
      // Whoever wants the next one makes it, and says why it cannot be made.
      timer = setTimeout(() => void renew(kind, make).catch(() => {}), after).unref();
    },
  };

  async function renew(kind: string, make: () => Promise<string>): Promise<void> {
    if (spare?.kind === kind) return;
    const file = await make();
    const old = spare;
    spare = { kind, file };
    if (old) await rm(old.file, { force: true });
  }
}
