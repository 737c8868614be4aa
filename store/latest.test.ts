import assert from "node:assert/strict";
import { test } from "node:test";
import { latest } from "./latest.ts";

test("of each speaker the last word is written, a batch at a time, and what fails is dropped", async () => {
  const batches: [string, number][][] = [];
  const errors: unknown[] = [];
  let go = () => {};
  const mine = latest<string, number>(
    (batch) => {
      batches.push([...batch]);
      return new Promise((resolve, reject) => {
        go = batches.length === 2 ? () => reject(new Error("away")) : resolve;
      });
    },
    (error) => errors.push(error),
  );
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  mine.heard("a", 1);
  mine.heard("b", 1);
  mine.heard("a", 2);
  await turn();
  mine.heard("a", 3);
  await turn();
  assert.deepEqual(batches, [
    [
      ["a", 2],
      ["b", 1],
    ],
  ]); // One at a time.
  go();
  await turn();
  go();
  await turn();
  assert.equal(errors.length, 1);
  mine.heard("c", 1);
  await turn();
  assert.deepEqual(batches.slice(1), [[["a", 3]], [["c", 1]]]);
  mine.heard("d", 1);
  const closed = mine.close();
  go();
  await closed;
  assert.equal(batches.length, 3); // What waited is dropped.
});
