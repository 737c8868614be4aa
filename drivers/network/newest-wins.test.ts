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
  const carried = newestWins(async (wish: string) => {
    done.push(wish);
    begun();
    if (wish === "first") await carried.lull(minutes(60));
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
  const carried = newestWins(async (wish: string) => {
    if (wish === "first") {
      await held;
      await carried.lull(minutes(60));
    } else await carried.lull(milliseconds(1));
    return wish;
  });
  const results = [carried("first"), carried("second")];
  release();
  assert.deepEqual(await Promise.all(results), ["first", "second"]);
});
