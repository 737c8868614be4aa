/**
 * A pause, or a freeze of its file systems, with an end: whoever stops a guest for a moment, for example to take snapshots in several places
 * at once, may die before it lets the guest go.
 *
 * The end is written down before the guest is stopped, so that the next agent finds it. A guest that somebody
 * has paused for good is not touched, and to pause or resume it meanwhile takes the end away.
 */
import { rm } from "node:fs/promises";
import { after, type Clock, type Duration, type Instant } from "@holdfast/kernel/time";
import { readJson, replace } from "./incarnation.ts";

export interface Hold {
  /** Writes down when the guest goes on, and sees to it. Call it before the guest is stopped. */
  until(atMost: Duration): Promise<void>;
  /** Nobody waits for an end any more. */
  drop(): Promise<void>;
  /** Ends it now, if there is one. Rejects if that does not work: `tend` comes back to it. */
  release(): Promise<void>;
  /** Takes up what an earlier agent has left, and tries again what did not work. */
  tend(): Promise<void>;
  close(): void;
}

/** Kept in `file`. */
export function holdOf(file: string, clock: Clock, resume: () => Promise<void>): Hold {
  let timer: NodeJS.Timeout | undefined;
  const plan = (end: Instant) => {
    clearTimeout(timer);
    timer = setTimeout(() => void release().catch(() => {}), Math.max(0, end - clock.now()));
    timer.unref();
  };

  return {
    async until(atMost) {
      const end = after(clock.now(), atMost);
      await replace(file, JSON.stringify({ end }));
      plan(end);
    },
    async drop() {
      clearTimeout(timer);
      await rm(file, { force: true });
    },
    async release() {
      if (await readJson(file)) await release();
      clearTimeout(timer);
    },
    async tend() {
      const held = await readJson<{ readonly end: Instant }>(file);
      if (held) plan(held.end);
    },
    close: () => clearTimeout(timer),
  };

  /** If it does not work it stays written down, and `tend` comes back to it. */
  async function release(): Promise<void> {
    await resume();
    await rm(file, { force: true });
  }
}
