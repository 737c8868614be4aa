/** What is told of what was done, from journals as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { deeds, type Launch, type Step } from "./did.ts";

const dead = { at: 1_000 as Instant, generation: 1 };
const step = (at: number, event: string, more: Partial<Step> = {}): Step => ({
  at: at as Instant,
  event,
  actor: "holdfast",
  generation: 1,
  ...more,
});
const second: Launch = {
  generation: 2,
  host: "h2",
  askedAt: 1_500 as Instant,
  runningAt: 1_600 as Instant,
  upAt: null,
};
const says = (steps: readonly Step[], launches: readonly Launch[] = []) =>
  deeds(dead, steps, launches).map((deed) => deed.says);

test("a restart: when it was known, where it was started, since when it runs", () => {
  assert.deepEqual(says([step(900, "bootConfirmed"), step(1_040, "exitObserved")], [second]), [
    "Knew of it and its cause 0.0 s after its end.",
    "Started it again as generation 2 on h2, 0.5 s after its end.",
    "It runs again, 0.6 s after its end.",
  ]);
});

test("a launch that does not run yet is told so far", () => {
  assert.deepEqual(says([], [{ ...second, runningAt: null }]), [
    "Started it again as generation 2 on h2, 0.5 s after its end.",
  ]);
});

test("what was done about the next death is not told with this one", () => {
  const third = { ...second, generation: 3, host: "h3" };
  const steps = [
    step(1_040, "exitObserved"),
    step(2_000, "exitObserved", { generation: 2 }),
    step(2_100, "budgetSpent", { generation: 2 }),
  ];
  assert.deepEqual(says(steps, [second, third]).at(-1), "It runs again, 0.6 s after its end.");
});

test("no restart: because of its guest, its owner, its budget or the fleet", () => {
  const left = (kind: string) =>
    says([step(1_050, "want-stopped", { cause: { class: kind, says: "" } })]);
  assert.deepEqual(left("guest-shutdown"), ["Left it off, as its guest wanted."]);
  assert.deepEqual(left("guest-panic"), ["Left it stopped: its owner wants no restart."]);
  assert.match(says([step(1_050, "budgetSpent")]).join(), /used up its restarts/);
  const refused = step(1_050, "placementRefused", { cause: { class: "x", says: "All are full." } });
  assert.deepEqual(says([refused]), ["Found no host for it: All are full."]);
});

test("people are named, and a clock that is behind undoes nothing", () => {
  assert.deepEqual(
    says([step(990, "fenceProven"), step(5_000, "command-start", { actor: "ann" })]),
    ["Took the proof of its host's death, 0.0 s after its end.", "ann asked to start it."],
  );
  assert.match(says([step(601_000, "exitObserved")]).join(), /10 min after its end/);
});
