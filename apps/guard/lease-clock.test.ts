/** The lease runs from when the renewal was sent, and nothing that arrives late can stretch it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leaseClock } from "./lease-clock.ts";

const told = () => {
  const changes: boolean[] = [];
  return { changes, clock: leaseClock((isValid) => changes.push(isValid)) };
};

test("it is held from the first renewal and runs out one length after that was sent", () => {
  const { changes, clock } = told();
  clock.renewed(1_000, 5_000, 1_800);
  clock.look(5_999);
  assert.deepEqual(changes, [true]);
  clock.look(6_000);
  assert.deepEqual(changes, [true, false]);
});

test("a renewal that was sent too long ago does not bring it back", () => {
  const { changes, clock } = told();
  clock.renewed(1_000, 5_000, 7_000);
  assert.deepEqual(changes, []);
});

test("a late old renewal does not shorten a newer one", () => {
  const { changes, clock } = told();
  clock.renewed(3_000, 5_000, 3_100);
  clock.renewed(1_000, 5_000, 3_200);
  clock.look(7_999);
  assert.deepEqual(changes, [true]);
});

test("a renewal from the future counts from now", () => {
  const { changes, clock } = told();
  clock.renewed(99_000, 5_000, 1_000);
  clock.look(6_000);
  assert.deepEqual(changes, [true, false]);
});
