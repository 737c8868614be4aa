/**
 * Plans that once broke something, as short as they could be made. What broke is mended; this is how it stays so.
 *
 * A new one: `holdfast sim` writes the shortest plan that it finds to a file.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Item } from "../../apps/simulator/plan.ts";
import { type RunOptions, run } from "../../apps/simulator/run.ts";
import { smallCloud } from "../../apps/simulator/seeds.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import { giveBackTime, takeOverTime } from "../../apps/simulator/time.ts";

const databases = await openDatabases();
takeOverTime();
after(async () => {
  giveBackTime();
  await databases.close();
});

interface Found {
  readonly what: string;
  readonly seed: number;
  /** All that the seed draws, if nobody has made it shorter. */
  readonly plan?: readonly Item[];
  /** What was set when it was found, if that is not what seeds have now. */
  readonly settings?: RunOptions["settings"];
}

const item = (at: number, deed: Item["do"], more: Partial<Item> = {}): Item => ({
  ...{ at, do: deed, on: 0, other: 0, lasts: 0, how: "" },
  ...more,
});

const found: readonly Found[] = [
  {
    what: "the volume of an instance that never found room was left when that was expunged",
    seed: 103,
    plan: [0, 100, 200, 300].map((at) => item(at, "create", { how: "apart" })),
  },
  {
    what: "a host stayed in maintenance when that was ended while a round had it in hand",
    seed: 2_054,
    settings: {},
  },
];

describe("what seeds have found", () => {
  for (const { what, seed, plan, settings } of found)
    test(what, async () => {
      const length = plan && Math.max(...plan.map(({ at, lasts }) => at + lasts)) + 2_000;
      const told = plan && length ? { plan, length } : {};
      const usual = { ...smallCloud(seed), ...(settings && { settings }) };
      const outcome = await run({ ...usual, ...told, restWithin: 120_000 }, databases);
      assert.deepEqual(outcome.violations, []);
    });
});
