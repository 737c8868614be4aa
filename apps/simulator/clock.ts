/**
 * The clock of simulated hosts: that of this process, whichever that is.
 *
 * Where time is simulated the process has no other; see time.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Instant } from "@holdfast/kernel/time";

/** What takes long on purpose, such as a slow move, keeps no test that is done with it. */
export const wallClock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (wait) => sleep(wait, undefined, { ref: wait < 5_000 }),
};
