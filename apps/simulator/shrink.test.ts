import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf, shrink } from "./shrink.ts";

const numbers = Array.from({ length: 40 }, (_, index) => index);

test("what is left are the items that it takes, however far apart they are", async () => {
  const needs = [3, 17, 38];
  const { plan, runs } = await shrink(
    numbers,
    async (plan) => needs.every((need) => plan.includes(need)),
    1_000,
  );
  assert.deepEqual(plan, needs);
  assert.ok(runs < 120, `${runs} runs`);
});

test("where it breaks whatever happens, nothing is left", async () => {
  const { plan } = await shrink(numbers, async () => true, 1_000);
  assert.deepEqual(plan, []);
});

test("it ends with the runs that it was given, and never with a plan that does not fail", async () => {
  const { plan, runs } = await shrink(numbers, async (plan) => plan.includes(5), 3);
  assert.equal(runs, 3);
  assert.ok(plan.includes(5) && plan.length < numbers.length);
});

test("two violations are of a kind if only names and numbers differ", () => {
  const one = "i-3 g2 was launched on host-1 while i-3 g1 could write to /simulated/a on host-2";
  const other =
    "i-12-1 g7 was launched on host-3 while i-12-1 g5 could write to /simulated/b on host-1";
  assert.equal(kindOf(one), kindOf(other));
  assert.notEqual(kindOf(one), kindOf("host-1 is down without a certificate"));
});
