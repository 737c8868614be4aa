/** What two looks tell that one cannot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Examination } from "@holdfast/drivers/hypervisor";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { compare, type Memory } from "./looks.ts";

const ref = { id: "01890000-0000-7000-8000-000000000001" as InstanceId, generation: 1 };
const bootedAt = 1_000 as Instant;
const found = (
  completed: number,
  inFlight: number,
  change: Partial<Examination> = {},
): Examination => ({
  guest: "up",
  bootedAt,
  bootedBy: "launch",
  answeredIn: milliseconds(1),
  runState: "running",
  disks: [{ node: "disk0", completed, failed: 0, inFlight }],
  agent: "none",
  ...change,
});
const silence: Examination = {
  guest: "up",
  bootedAt,
  bootedBy: "launch",
  disks: [],
  agent: "none",
};

/** Looks ten seconds apart; returns what the last one says. */
function lookAt(...story: readonly Examination[]) {
  let memory: Memory | undefined;
  let last: ReturnType<typeof compare> | undefined;
  for (const [index, examination] of story.entries()) {
    const tick = index * 10_000;
    last = compare(ref, examination, memory, { now: (bootedAt + tick) as Instant, tick });
    memory = last.memory;
  }
  assert.ok(last);
  return last.look;
}

test("requests are as old as the looks between which nothing was completed", () => {
  assert.equal(lookAt(found(5, 2)).disk.stalledFor, 0);
  assert.equal(lookAt(found(5, 2), found(5, 2)).disk.stalledFor, 10_000);
  assert.equal(lookAt(found(5, 2), found(5, 3), found(5, 3)).disk.stalledFor, 20_000);
  assert.equal(lookAt(found(5, 2), found(6, 2)).disk.stalledFor, 0);
  assert.equal(lookAt(found(5, 2), found(5, 0)).disk.stalledFor, 0);
  assert.equal(lookAt(found(5, 0), found(5, 1)).disk.stalledFor, 0); // Just begun.
});

test("a hypervisor that was silent for a while has not made its disk any better or worse", () => {
  assert.deepEqual(lookAt(found(5, 2), silence).disk, { inFlight: 0, stalledFor: 0, failed: 0 });
  assert.equal(lookAt(found(5, 2), silence, found(5, 2)).disk.stalledFor, 20_000);
  assert.equal(lookAt(silence).answeredIn, null);
});

test("failures are counted from one look to the next", () => {
  const failed = (count: number) =>
    found(9, 0, { disks: [{ node: "disk0", completed: 9, failed: count, inFlight: 0 }] });
  assert.equal(lookAt(failed(3)).disk.failed, 0); // From before anybody looked.
  assert.equal(lookAt(failed(3), failed(5)).disk.failed, 2);
  assert.equal(lookAt(failed(3), failed(5), failed(5)).disk.failed, 0);
});

test("an agent that never answered is none, one that did and does not any more is silent", () => {
  const agent = (word: Examination["agent"], booted = bootedAt) =>
    found(1, 0, { agent: word, bootedAt: booted });
  assert.equal(lookAt(agent("silent")).agent, "none");
  assert.equal(lookAt(agent("answers"), agent("silent")).agent, "silent");
  assert.equal(lookAt(agent("answers"), silence, agent("silent")).agent, "silent");
  assert.equal(lookAt(agent("answers"), agent("silent", 5_000 as Instant)).agent, "none"); // Booted again.
});
