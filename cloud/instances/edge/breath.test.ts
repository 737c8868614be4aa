/** Long lists in short pieces: in order, with everybody's turn in between, and no error lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { begunInBreaths, inBreaths } from "./breath.ts";

test("a long list is gone through in order, and others have their turn meanwhile", async () => {
  const seen: number[] = [];
  let turns = 0;
  const count = () => {
    turns++;
    if (seen.length < 100) setImmediate(count);
  };
  setImmediate(count);
  await inBreaths(Array.from({ length: 100 }, (_, index) => index).values(), (one) => {
    seen.push(one);
  });
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, index) => index),
  );
  assert.ok(turns >= 3, `${turns} turns`);
});

test("a short list is gone through at once", async () => {
  let isOthersTurn = false;
  setImmediate(() => {
    isOthersTurn = true;
  });
  await inBreaths([1, 2, 3], () => {});
  assert.equal(isOthersTurn, false);
});

test("what is begun in pieces is begun in order and fails as one of its parts does, however early", async () => {
  const begun: number[] = [];
  const works = [1, 2, 3].map((number) => async () => {
    begun.push(number);
    if (number === 1) throw new Error("the first");
  });
  await assert.rejects(begunInBreaths(works, 1_000), /the first/);
  assert.deepEqual(begun, [1, 2, 3]);
});
