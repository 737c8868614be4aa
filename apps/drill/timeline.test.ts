/** Times after the blow, from what the platform has written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drillOf } from "./drills.ts";
import { type Certificate, isNamedRight, type JournalEvent, timelineOf } from "./timeline.ts";

const blow = 100_000;
const before = { generation: 4, seq: 10 };
const event = (seq: number, at: number, what: string, generation: number): JournalEvent => ({
  ...{ seq, at: blow + at, event: what, generation },
});
const certificate: Certificate = {
  cause: "guest-panic",
  says: "Its kernel panicked.",
  confidence: "certain",
  at: blow + 190,
  recordedAt: blow + 300,
  fence: null,
  generation: 4,
  evidence: [],
};
const up = { generation: 5, guest: "up", upAt: blow + 6_000 } as const;

test("every step counts from the blow, and only what was written after it", () => {
  const journal = [
    event(9, -5_000, "exitObserved", 3),
    event(11, 5, "command-stop", 4),
    event(12, 310, "exitObserved", 4),
    event(13, 480, "autoStart", 5),
    event(14, 1_040, "bootConfirmed", 5),
  ];
  assert.deepEqual(timelineOf(blow, before, journal, certificate, up), {
    ended: 190,
    detected: 310,
    cause: 300,
    placed: 480,
    launched: 1_040,
    up: 6_000,
  });
});

test("a guest that is still what it was is not up again", () => {
  const same = { generation: 4, guest: "up", upAt: blow - 50 } as const;
  assert.deepEqual(timelineOf(blow, before, [], undefined, same), {});
  assert.deepEqual(timelineOf(blow, before, [], undefined, { ...up, guest: "booting" }), {});
});

test("a cause that is not known is no cause", () => {
  const unknown = { ...certificate, cause: "unknown" } as const;
  assert.equal(timelineOf(blow, before, [], unknown, up).cause, undefined);
});

test("when a guest ended with its host nobody knows, only when that was proven", () => {
  const fence = { provenAt: blow + 5_300 } as Certificate["fence"]; // The rest of it does not count here.
  const times = timelineOf(blow, before, [], { ...certificate, fence }, up);
  assert.deepEqual([times.ended, times.traced, times.proof], [undefined, undefined, 5_300]);
});

test("only the cause that was injected is right", () => {
  const { expects } = drillOf("qemu-kill");
  const named = (cause: Certificate["cause"]) => isNamedRight(expects, { cause });
  assert.equal(named("qemu-killed"), true);
  assert.equal(named("qemu-crash"), false);
  assert.equal(named("unknown"), false);
  assert.equal(isNamedRight(expects, undefined), false);
});

test("a panic must be of the kind that was injected", () => {
  const { expects } = drillOf("guest-oom");
  const named = (kind: string) =>
    isNamedRight(expects, {
      cause: "guest-panic",
      panic: { class: kind } as Certificate["panic"], // The rest of it does not count here.
    });
  assert.equal(named("out-of-memory"), true);
  assert.equal(named("requested"), false);
});

test("where no guest may die there is nothing to be named", () => {
  assert.equal(isNamedRight(drillOf("agent-kill").expects, undefined), undefined);
});
