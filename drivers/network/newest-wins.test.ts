/** Who carries out may rest between what is waited for and what is not, but keeps nobody waiting with that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { milliseconds, minutes } from "@holdfast/kernel/time";
import { newestWins } from "./newest-wins.ts";

test("a lull ends when the next call comes, and of those that came the newest is carried out", async () => {
  const done: string[] = [];
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const carried = newestWins(async (wish: string): Promise<string> => {
    done.push(wish);
    begun();
    if (wish === "first") assert.equal(await carried.lull(minutes(60)), true);
    return wish;
  });
  const first = carried("first");
  await isBegun;
  const results = [carried("second"), carried("third")];
  assert.equal(await first, "first");
  assert.deepEqual(await Promise.all(results), ["third", "third"]);
  assert.deepEqual(done, ["first", "third"]);
});

test("a lull does not begin where somebody waits already, and ends by itself", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const carried = newestWins(async (wish: string): Promise<string> => {
    if (wish === "first") {
      await held;
      assert.equal(await carried.lull(minutes(60)), true);
    } else assert.equal(await carried.lull(milliseconds(1)), false);
    return wish;
  });
  const results = [carried("first"), carried("second")];
  release();
  assert.deepEqual(await Promise.all(results), ["first", "second"]);
});

/** Steps that go on when they are told to, by name. */
function steps() {
  const held = new Map<string, () => void>();
  const hold = (name: string) => new Promise<void>((resolve) => held.set(name, resolve));
  return { hold, go: (name: string) => held.get(name)?.() };
}

test("nothing is settled between two turns", async () => {
  const { hold, go } = steps();
  const done: string[] = [];
  const carried = newestWins(async (wish: string) => {
    await hold(wish);
    done.push(wish);
  });
  const first = carried("first");
  const settled = carried.settled().then(() => done.push("settled"));
  const second = carried("second"); // It waits behind whoever waits for the end of the first.
  go("first");
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  go("second");
  await Promise.all([second, settled]);
  assert.deepEqual(done, ["first", "second", "settled"]);
});

test("what was seen while a turn began is seen again, unless it is fine", async () => {
  for (const [sights, isFine] of [
    [["broken", "whole"], ["whole"]],
    [["broken", "broken", "broken"], ["whole"]],
    [["broken"], ["broken"]],
  ] as const) {
    const carried = newestWins(async (wish: string) => wish);
    let looks = 0;
    const seen = await carried.between(
      async () => {
        looks++;
        if (looks < sights.length || sights.length === 1) await carried("more");
        return sights[looks - 1];
      },
      (sight) => isFine.some((each) => each === sight),
    );
    assert.deepEqual([looks, seen], [sights.length, sights.at(-1)]);
  }
});
