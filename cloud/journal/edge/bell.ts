/**
 * Tells whoever waits that the journal has grown, whichever manager has written.
 *
 * It looks, and only while somebody waits: a notification with every entry would make all commits of the platform stand
 * in one line, because PostgreSQL sends them in the order of the commits. One look is for all who wait.
 */
import type { Database } from "@holdfast/store/database";
import { journalEnd, type Place } from "@holdfast/store/tail";

export interface Bell {
  /** Resolves when there is something after this place, or after so many milliseconds. Rejects if nobody can tell. */
  rung(after: Place, milliseconds: number): Promise<void>;
  /** Lets all who wait go. */
  close(): void;
  isClosed(): boolean;
}

/** As long as somebody watches that it moves, a person calls it at once; milliseconds. */
const lookEvery = 200;

export function journalBell(database: Database): Bell {
  const waiting = new Set<{ after: Place; done: (error?: unknown) => void }>();
  let timer: NodeJS.Timeout | undefined;
  let isOpen = true;

  return {
    rung: (after, milliseconds) =>
      new Promise((resolve, reject) => {
        if (!isOpen || milliseconds <= 0) return resolve();
        const late = setTimeout(() => waiter.done(), milliseconds);
        const waiter = {
          after,
          done(error?: unknown) {
            clearTimeout(late);
            waiting.delete(waiter);
            if (error === undefined) resolve();
            else reject(error);
          },
        };
        waiting.add(waiter);
        timer ??= setTimeout(look, lookEvery);
      }),
    isClosed: () => !isOpen,
    close() {
      isOpen = false;
      clearTimeout(timer);
      for (const { done } of waiting) done();
    },
  };

  async function look(): Promise<void> {
    try {
      const end = await journalEnd(database);
      for (const { after, done } of waiting) if (isBefore(after, end)) done();
    } catch (error) {
      for (const { done } of waiting) done(error);
    }
    timer = isOpen && waiting.size > 0 ? setTimeout(look, lookEvery) : undefined;
  }
}

const isBefore = (a: Place, b: Place) =>
  BigInt(a.xact) < BigInt(b.xact) || (a.xact === b.xact && a.seq < b.seq);
