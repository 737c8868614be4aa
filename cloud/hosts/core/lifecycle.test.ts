/** The tables of hosts, walked from end to end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reachable } from "@holdfast/kernel/fsm";
import { hostLifecycle, hostModes } from "./lifecycle.ts";

test("every state of a host leads to every other", () => {
  for (const machine of [hostLifecycle, hostModes])
    for (const state of machine.states)
      assert.deepEqual([...reachable(machine, state)].sort(), [...machine.states].sort(), state);
});

test("silence alone never makes a host down", () => {
  assert.equal(hostLifecycle.next("up", "leaseExpired"), "suspect");
  assert.deepEqual(hostLifecycle.accepting("fenceProven"), ["suspect"]);
  assert.ok("ignored" in hostLifecycle.react("suspect", "leaseExpired"));
});

test("a host that is down comes back by being admitted under a new epoch, not by being heard", () => {
  assert.ok("refused" in hostLifecycle.react("down", "heard"));
  assert.equal(hostLifecycle.next("down", "admitted"), "up");
});
