/** How many requests one may make, how long the others wait, and that it costs a bounded amount of memory. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { buckets, partOf } from "./bucket.ts";

const at = (milliseconds: number) => milliseconds as Instant;
const pace = { rate: 10, burst: 3 };

test("so many at once, and then as many as come in by and by; it says how long to wait", () => {
  const one = buckets();
  for (let index = 0; index < 3; index++) assert.equal(one.take("a", pace, at(0)), undefined);
  assert.equal(one.take("a", pace, at(0)), 100);
  assert.equal(one.take("b", pace, at(0)), undefined, "each has their own");
  assert.equal(one.take("a", pace, at(60)), 40);
  assert.equal(one.take("a", pace, at(101)), undefined);
  assert.ok(one.take("a", pace, at(101)));
});

test("a clock that goes back gives nothing and takes nothing", () => {
  const one = buckets();
  for (let index = 0; index < 3; index++) one.take("a", pace, at(1_000));
  assert.equal(one.take("a", pace, at(0)), 100);
});

test("without a rate nobody waits, and nobody is remembered", () => {
  const one = buckets();
  for (let index = 0; index < 100; index++)
    assert.equal(one.take(`${index}`, { rate: 0, burst: 1 }, at(0)), undefined);
  assert.equal(one.size(), 0);
});

test("however many ask, no more than so many are remembered; whoever has just asked too much is", () => {
  const one = buckets(100);
  for (let index = 0; index < 10_000; index++) one.take(`${index}`, pace, at(index));
  assert.ok(one.size() <= 100);
  for (let index = 0; index < 4; index++) one.take("greedy", pace, at(10_000));
  for (let index = 0; index < 50; index++) one.take(`x${index}`, pace, at(10_000));
  assert.ok(one.take("greedy", pace, at(10_000)));
});

test("of what is allowed to all together each of several has a part, and never less than one at once", () => {
  assert.deepEqual(partOf({ rate: 10, burst: 9 }, 1), { rate: 10, burst: 9 });
  assert.deepEqual(partOf({ rate: 10, burst: 9 }, 2), { rate: 5, burst: 4 });
  assert.deepEqual(partOf({ rate: 0, burst: 2 }, 5), { rate: 0, burst: 1 });
});
