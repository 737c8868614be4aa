/** Nothing goes on behind the back of whoever was told that something has failed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { allOver } from "./all-over.ts";

test("who has failed is told when all of them are over", async () => {
  let isOver = false;
  const slow = new Promise((resolve) => setImmediate(resolve)).then(() => {
    isOver = true;
  });
  const failures = ["first", "second"].map((why) => Promise.reject(new Error(why)));
  await assert.rejects(allOver([slow, ...failures]), /first/);
  assert.equal(isOver, true);
});

test("where none fails it resolves", async () => {
  await allOver([]);
  await allOver([Promise.resolve(1), Promise.resolve(2)]);
});
