/** The table of volumes, walked from end to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reachable } from "@holdfast/kernel/fsm";
import { volumeLifecycle } from "./lifecycle.ts";

test("every state can be reached from `allocated`, and from every state there is a way to `expunged`", () => {
  assert.deepEqual(
    [...reachable(volumeLifecycle, "allocated")].sort(),
    [...volumeLifecycle.states].sort(),
  );
  for (const state of volumeLifecycle.states)
    assert.ok(reachable(volumeLifecycle, state).has("expunged"), state);
});

test("what is being made or deleted has a timer and another way out", () => {
  for (const state of ["creating", "expunging"] as const) {
    assert.ok(volumeLifecycle.next(state, "deadlinePassed"));
    assert.ok(volumeLifecycle.next(state, "opFailed"));
  }
});
