/**
 * As many seeds as there is time for, up to five hundred over both files that call this: each a whole cloud on a bad
 * day. Two files, because two test files run at a time.
 *
 * HOLDFAST_SEEDS (500) and HOLDFAST_SEED_SECONDS (340) say how many at most and for how long; HOLDFAST_FIRST_SEED (1)
 * where to begin. What was run is printed: a machine that is busy gets less far, and that is no failure.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { run } from "../../apps/simulator/run.ts";
import { brokenText, shrinkRun, smallCloud } from "../../apps/simulator/seeds.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import { giveBackTime, takeOverTime } from "../../apps/simulator/time.ts";
import { real } from "../../apps/simulator/timers.ts";

// The longest functions of managers are compiled for speed again and again, and never are what costs time here.
setFlagsFromString("--max-optimized-bytecode-size=2000");

const { env } = process;
const most = Number(env.HOLDFAST_SEEDS ?? 500);
const first = Number(env.HOLDFAST_FIRST_SEED ?? 1);
const patience = Number(env.HOLDFAST_SEED_SECONDS ?? 340) * 1_000;
/** However slow the machine is: fewer than this show nothing. */
const fewest = 3;
const mostShrinking = 40;

/** The clouds of `holdfast sim` are others: this file runs any seed as the first that it tries. */
const again = (seed: number) =>
  `HOLDFAST_FIRST_SEED=${seed} HOLDFAST_SEEDS=1 npm test -- test/simulation/odd-seeds.test.ts`;

/** Every second seed, beginning with the first or with the second. */
export async function tryManySeeds(offset: 0 | 1): Promise<void> {
  const databases = await openDatabases();
  takeOverTime();
  after(async () => {
    giveBackTime();
    await databases.close();
  });
  test("whatever happens to a cloud, nothing breaks that must hold", async (t) => {
    const began = real.now();
    let tried = 0;
    for (let seed = first + offset; seed < first + most; seed += 2) {
      if (tried >= fewest && real.now() - began > patience) break;
      const outcome = await run(smallCloud(seed), databases);
      tried++;
      if (outcome.violations.length === 0) continue;
      const shrunk = await shrinkRun(outcome, databases, mostShrinking);
      assert.fail(brokenText(shrunk, again(seed)));
    }
    const took = ((real.now() - began) / 1_000).toFixed(0);
    t.diagnostic(`${tried} seeds from ${first + offset} on, every second one, in ${took} s`);
  });
}
