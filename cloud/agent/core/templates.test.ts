import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { type Kept, surplus } from "./templates.ts";

const kept = (name: string, bytes: number, usedAt: number): Kept => ({
  ...{ directory: name, key: name, bytes },
  usedAt: usedAt as Instant, // Any moment.
});
const all = [kept("old", 40, 1), kept("new", 30, 3), kept("middle", 50, 2)];
const going = (limit: number) => surplus(all, limit).map(({ directory }) => directory);

test("what fits is kept, and what was used longest ago goes first", () => {
  assert.deepEqual(going(120), []);
  assert.deepEqual(going(119), ["old"]);
  assert.deepEqual(going(79), ["old", "middle"]);
});

test("the one that was used last stays even where it alone is too big", () => {
  assert.deepEqual(going(1), ["old", "middle"]);
});

test("where no room is given none is kept", () => {
  assert.deepEqual(going(0), ["old", "middle", "new"]);
});
