/**
 * Watching one shared pool: this host's stamp is written to it and everybody else's are read from it.
 *
 * Storage that hangs never answers and cannot be told to stop. So there is one thing under way at any time
 * and nobody waits for it; a pool that has swallowed one is not asked again until it gives it back.
 */
import { beginsAfter } from "@holdfast/cloud/agent";
import type { PoolSight } from "./headless.ts";

/** Where hosts leave their stamps in a pool. */
export interface StampFolder {
  /** This host's stamp: a manager has answered it. */
  write(host: string, stamp: string): Promise<void>;
  /** Whether anything can be written, without claiming anything. */
  probe(host: string): Promise<void>;
  /** By host; unreadable or half-written ones are left out. */
  read(): Promise<ReadonlyMap<string, string>>;
}

export interface PoolWatch {
  /** Call often. `stamp` is undefined while there is nothing to claim. */
  look(now: number, host: string, stamp: string | undefined): void;
  sight(): PoolSight;
  /** When the last stamp that was written was begun. */
  stampedAt(): number | undefined;
}

const readEvery = 500;
const writeEvery = 1_000;

export function watchPool(
  folder: StampFolder,
  now: () => number,
  onFault: (error: unknown) => void,
): PoolWatch {
  const watchedSince = now();
  let [readAt, wroteAt, movedAt, movingSince, stampedAt]: (number | undefined)[] = [];
  let seen: Map<string, string> | undefined;
  let written: string | undefined;
  let begunAt = Number.NEGATIVE_INFINITY;
  let isBusy = false;
  let isFaulty = false;
  return {
    look(at, host, stamp) {
      const isNew = stamp !== undefined && stamp !== written;
      if (isBusy || (!isNew && at - begunAt < readEvery)) return;
      isBusy = true;
      begunAt = at;
      round(host, stamp, isNew)
        .then(
          () => {
            isFaulty = false;
          },
          (error) => {
            if (!isFaulty) onFault(error); // Once; the next round fails as well.
            isFaulty = true;
          },
        )
        .finally(() => {
          isBusy = false;
        });
    },
    sight: () => ({ watchedSince, readAt, wroteAt, movedAt, movingSince }),
    stampedAt: () => stampedAt,
  };

  async function round(host: string, stamp: string | undefined, isNew: boolean): Promise<void> {
    const writing = now();
    if (isNew || writing - (wroteAt ?? Number.NEGATIVE_INFINITY) >= writeEvery) {
      await (stamp === undefined ? folder.probe(host) : folder.write(host, stamp));
      wroteAt = writing;
      if (stamp !== undefined) {
        written = stamp;
        stampedAt = writing;
      }
    }
    const reading = now();
    compare(await folder.read(), host);
    readAt = reading;
  }

  function compare(stamps: ReadonlyMap<string, string>, self: string): void {
    const known = seen ?? new Map(stamps); // What is there at first may be old.
    for (const [host, stamp] of stamps) {
      if (host !== self && known.get(host) !== stamp) moved(now());
      known.set(host, stamp); // And kept: one that could not be read for once has not moved.
    }
    seen = known;
  }

  function moved(at: number): void {
    // A calm is what was seen up to the reading before; of the time since then, nothing is known.
    const calm = (readAt ?? watchedSince) - (movedAt ?? watchedSince);
    if (calm >= beginsAfter) movingSince = at;
    movedAt = at;
  }
}
