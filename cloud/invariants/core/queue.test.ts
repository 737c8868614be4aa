/** A crowd that is worked off is not stuck; one that stands still is, and so is whoever is passed over. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, type Instant, seconds } from "@holdfast/kernel/time";
import { follow, front, noQueue, passedOver } from "./queue.ts";

const start = Date.UTC(2026, 10, 22) as Instant;
const at = (s: number) => after(start, seconds(s));
const guests = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `guest-${from + i}`);

/** What is overdue at looks that are five seconds apart; who was passed over at the last of them. */
function looks(...seen: readonly (readonly string[])[]) {
  let queue = noQueue;
  for (const [n, overdue] of seen.entries()) queue = follow(queue, overdue, at(n * 5));
  return passedOver(queue, at((seen.length - 1) * 5));
}

test("where few are overdue none of them waits for another", () => {
  assert.equal(looks(guests(0, front - 1)), undefined);
});

test("a crowd that moves has passed over nobody, nor have its last ones been, when they are all that is left", () => {
  assert.deepEqual(looks(guests(0, 5_000)), new Set());
  assert.deepEqual(looks(guests(0, 5_000), guests(front, 5_000)), new Set());
  assert.deepEqual(looks(guests(0, 900), guests(600, 900)), new Set());
});

test("whoever is still in front at the next look was passed over", () => {
  assert.deepEqual(
    looks(guests(0, 5_000), ["guest-3", ...guests(600, 5_000)]),
    new Set(["guest-3"]),
  );
  assert.deepEqual(looks(guests(0, 900), ["guest-3"]), new Set(["guest-3"]));
});

test("of a crowd that stands still the whole front was passed over, and nobody behind it", () => {
  assert.deepEqual(looks(guests(0, 5_000), guests(0, 5_000)), new Set(guests(0, front)));
});

test("a while after a crowd nobody waits for another any more", () => {
  assert.equal(looks(guests(0, 900), guests(600, 900), guests(600, 900)), undefined);
});
