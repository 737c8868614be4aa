import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import { milliseconds } from "@holdfast/kernel/time";
import { type Booting, bootWatch } from "./boot-watch.ts";

const instance = "01900000-0000-7000-8000-000000000001" as InstanceId; // Made up.
const spec = { image: { saysReady: true }, startPaused: false, bootTimeout: 10_000 };
const atOnce = milliseconds(0);

function watchOf(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const told: InstanceId[] = [];
  const is = { booting: true };
  const watch = bootWatch({ isBooting: () => is.booting, onOverdue: (id) => told.push(id) });
  t.after(() => watch.close());
  return { watch, told, is, pass: (time: number) => t.mock.timers.tick(time) };
}

test("a guest that has not said ready in time is overdue until it is settled", (t) => {
  const { watch, told, pass } = watchOf(t);
  watch.begin({ instance, spec }, milliseconds(4_000));
  pass(5_999);
  assert.equal(watch.isOverdue(instance), false);
  pass(1);
  assert.equal(watch.isOverdue(instance), true);
  assert.deepEqual(told, [instance]);
  watch.settle(instance);
  assert.equal(watch.isOverdue(instance), false);
});

test("a guest that is ready, or runs no boot any more, is not overdue", (t) => {
  const { watch, told, is, pass } = watchOf(t);
  watch.begin({ instance, spec }, atOnce);
  watch.settle(instance);
  pass(20_000);
  watch.begin({ instance, spec }, atOnce);
  is.booting = false;
  pass(20_000);
  assert.deepEqual(told, []);
});

test("nothing is expected of a guest that never says ready, or was not to run yet, or after the end", (t) => {
  const { watch, told, pass } = watchOf(t);
  const silent: Booting = { instance, spec: { ...spec, image: { saysReady: false } } };
  for (const wish of [
    silent,
    { instance, spec: { ...spec, startPaused: true } },
    { instance, spec: null },
  ])
    watch.begin(wish, atOnce);
  watch.close();
  watch.begin({ instance, spec }, atOnce);
  pass(20_000);
  assert.deepEqual(told, []);
});
