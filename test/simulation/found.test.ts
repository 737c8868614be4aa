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

/** One manager dies with an instance in hand, and another stands still that waits for it. */
const twoSilences = (death: "killed" | "vanished"): readonly Item[] => [
  item(0, "create", { how: "apart", on: 711, other: 828 }),
  item(20, "create", { how: "apart", on: 443, other: 888 }),
  item(40, "create", { how: "shared", on: 242, other: 343 }),
  item(60, "create", { how: "shared", on: 782, other: 401 }),
  item(2_152, "cable-cut", { how: "both", on: 713, other: 887, lasts: 3_283 }),
  item(2_964, "cancel", { on: 618, other: 719 }),
  item(4_644, "manager-slow", { how: "100", on: 463, other: 910, lasts: 12_237 }),
  item(6_354, "host-loses-power", { on: 42, other: 364, lasts: 14_409 }),
  item(8_001, "migrate", { on: 180, other: 867 }),
  item(10_255, "stop", { how: "force", on: 644, other: 654 }),
  item(10_388, "host-loses-power", { on: 29, other: 681, lasts: 31_571 }),
  item(13_136, "manager-dies", { how: death, on: 923, other: 661, lasts: 1_124 }),
  item(17_175, "manager-freezes", { on: 360, other: 565, lasts: 8_571 }),
];

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
  {
    what: "PostgreSQL did not hear that a process had ended whose last words were lost",
    seed: 209,
    plan: twoSilences("killed"),
  },
  {
    what: "what one silent manager after the other had locked was called overdue",
    seed: 209,
    plan: twoSilences("vanished"),
  },
  {
    what: "a move began in the pass that ended the one before, whose row stayed open",
    seed: 66,
    plan: [
      item(0, "create", { how: "local", on: 174, other: 759 }),
      item(20, "create", { how: "volume", on: 386, other: 926 }),
      item(40, "create", { how: "local", on: 570, other: 539 }),
      item(60, "create", { how: "shared", on: 810, other: 789 }),
      item(2_662, "snapshot", { on: 204, other: 791 }),
      item(2_808, "cancel", { on: 460, other: 65 }),
      item(2_898, "host-freezes", { on: 637, other: 245, lasts: 3_067 }),
      item(5_954, "host-loses-power", { on: 6, other: 65, lasts: 2_620 }),
      item(8_717, "migrate", { on: 122, other: 176 }),
      item(17_088, "migrate", { on: 322, other: 661 }),
    ],
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
