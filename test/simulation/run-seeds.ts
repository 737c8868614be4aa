/**
 * A program: runs seeds of the simulator one after the other, until one of them breaks something, and prints a line of
 * JSON for each. It is bundled with a bug planted in it, or without one; see planting.ts.
 *
 * Its argument is what to run, as JSON; see `Orders`.
 */
import { type RunOptions, run } from "../../apps/simulator/run.ts";
import { smallCloud } from "../../apps/simulator/seeds.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import { giveBackTime, takeOverTime } from "../../apps/simulator/time.ts";
import { real } from "../../apps/simulator/timers.ts";

export interface Orders {
  readonly seeds: readonly number[];
  /** What is other than in the small cloud of `npm run check`. */
  readonly cloud: Partial<Omit<RunOptions, "seed">>;
  /** No seed is begun after so long; real milliseconds. */
  readonly within: number;
  /** A server of databases that nobody else uses meanwhile: to start one takes longer than a seed. */
  readonly server: string;
}

/** What is printed of each seed. */
export interface Seeded {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly took: number;
}

/** Nothing that waits where nothing is broken waits for longer; a bug that is in the way for ever is known sooner. */
const restWithin = 300_000;

const orders = JSON.parse(process.argv[2] ?? "{}") as Orders; // From planting.ts.
const began = real.now();
const databases = await openDatabases(orders.server);
takeOverTime();
try {
  for (const seed of orders.seeds) {
    if (real.now() - began > orders.within) break;
    const options = { ...smallCloud(seed), restWithin, ...orders.cloud };
    const { violations, realTime } = await run(options, databases);
    const seeded: Seeded = { seed, violations, took: realTime };
    process.stdout.write(`${JSON.stringify(seeded)}\n`);
    if (violations.length > 0) break;
  }
} finally {
  giveBackTime();
  await databases.close();
}
