/** Each row is a situation, in words, and the one thing to do about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, type Instant, milliseconds, seconds } from "@holdfast/kernel/time";
import type { Action } from "./action.ts";
import { decide } from "./decide.ts";
import type { InstanceEvent } from "./lifecycle.ts";
import type { Cause, Fence, Incarnation, World } from "./model.ts";
import { athome, exited, job, now, op, patience, running, world } from "./testing.ts";

const past = (now - 1) as Instant;
const because = (kind: Cause["class"]): Cause => ({ class: kind, says: "", at: now });
const move = (event: InstanceEvent, cause?: Cause): Action =>
  cause ? { do: "move", event, cause } : { do: "move", event };
const fence: Fence = {
  certificate: "c1",
  proof: "power-off",
  says: "its power was read back as off",
  provenAt: now,
};
const asked: Incarnation = { ...running, phase: "asked" };
const starting = athome({ state: "starting", op: op("start") });
const stopping = athome({ state: "stopping", desired: "stopped", op: op("stop") });
const lost = athome({ state: "lost", op: op("locate") });
const crashed = exited("exited", because("qemu-crash"));

const fellSilent: Cause = {
  class: "host-silent",
  says: "Its host has fallen silent, and nothing proves whether it still runs.",
  at: now,
};

const table: Record<string, readonly [World, Action?]> = {
  // Provisioning
  "new, and its image is there": [world({ op: op("provision") }), move("resourcesReady")],
  "new, and its image is still coming": [world({ op: op("provision") }, { image: "importing" })],
  "new, and its image is gone": [
    world({ op: op("provision") }, { image: "missing" }),
    move("opFailed", {
      class: "image-unavailable",
      says: "Its image is no longer there.",
      at: now,
    }),
  ],
  "new, and already to be destroyed": [
    world({ op: op("provision"), desired: "destroyed" }),
    move("destroy"),
  ],
  "new, and its image took too long": [
    world({ op: op("provision", { deadline: past }) }, { image: "importing" }),
    move("deadlinePassed", {
      class: "image-unavailable",
      says: "Its image did not become ready in time.",
      at: now,
    }),
  ],

  // Stopped
  "stopped and wished for: find it a home": [world({ state: "stopped" }), { do: "place" }],
  "stopped as wished": [world({ state: "stopped", desired: "stopped" })],
  "stopped and to be destroyed": [
    world({ state: "stopped", desired: "destroyed" }),
    move("destroy"),
  ],
  "the guest switched itself off: that is its owner's wish": [
    world({ state: "stopped", cause: because("guest-shutdown") }),
    { do: "want", desired: "stopped", cause: because("guest-shutdown") },
  ],
  "it crashed: at once": [
    world({ state: "stopped", cause: because("qemu-crash") }),
    { do: "backOff", until: now },
  ],
  "it crashed once before: wait a little": [
    world({ state: "stopped", cause: because("qemu-crash"), restarts: [past] }),
    { do: "backOff", until: after(now, milliseconds(500)) },
  ],
  "it crashed twice before: wait longer": [
    world({ state: "stopped", cause: because("qemu-crash"), restarts: [past, past] }),
    { do: "backOff", until: after(now, seconds(1)) },
  ],
  "still waiting": [
    world({ state: "stopped", cause: because("qemu-crash"), notBefore: after(now, seconds(1)) }),
    { do: "wait", until: after(now, seconds(1)) },
  ],
  "waited long enough": [
    world({ state: "stopped", cause: because("qemu-crash"), notBefore: past }),
    { do: "place" },
  ],
  "it crashed once too often": [
    world({ state: "stopped", cause: because("qemu-crash"), restarts: [past, past, past] }),
    move("budgetSpent", because("qemu-crash")),
  ],
  "crashes of long ago do not count": [
    world(
      { state: "stopped", cause: because("qemu-crash"), restarts: [0, 0, 0] as Instant[] },
      { now: after(now, patience.restartWindow) },
    ),
    { do: "backOff", until: after(now, patience.restartWindow) },
  ],
  "no room, and somebody waits for an answer": [
    world({ state: "stopped", cause: because("insufficient-capacity"), job: job("run") }),
    move("budgetSpent", because("insufficient-capacity")),
  ],
  "no room after a failure: keep looking, for as long as it takes": [
    world({
      state: "stopped",
      cause: because("insufficient-capacity"),
      restarts: [past, past, past],
    }),
    { do: "backOff", until: after(now, seconds(10)) },
  ],

  // Starting
  "starting, nothing heard": [world(starting, { incarnation: asked })],
  "it runs": [world(starting, { incarnation: running }), move("bootConfirmed")],
  "its host could not start it": [
    world(starting, { incarnation: exited("launch-failed", because("launch-failed")) }),
    move("startFailed", because("launch-failed")),
  ],
  "starting, and it died at once": [
    world(starting, { incarnation: crashed }),
    move("exitObserved", because("qemu-crash")),
  ],
  "starting, and to be stopped": [
    world({ ...starting, desired: "stopped" }, { incarnation: asked }),
    move("stop"),
  ],
  "starting took too long": [
    world({ ...starting, op: op("start", { deadline: past }) }, { incarnation: asked }),
    move("deadlinePassed", {
      class: "boot-timeout",
      says: "The host did not confirm the start in time.",
      at: now,
    }),
  ],
  "starting, and the host fell silent": [
    world(starting, { incarnation: asked, lease: "expired" }),
    move("leaseExpired", fellSilent),
  ],

  // Running
  "all is well": [world(athome(), { incarnation: running })],
  "it died": [
    world(athome(), { incarnation: crashed }),
    move("exitObserved", because("qemu-crash")),
  ],
  "its host fell silent": [
    world(athome(), { incarnation: running, lease: "expired" }),
    move("leaseExpired", fellSilent),
  ],
  "to be stopped": [world(athome({ desired: "stopped" }), { incarnation: running }), move("stop")],
  "to be destroyed": [
    world(athome({ desired: "destroyed" }), { incarnation: running }),
    move("destroy"),
  ],
  "a reset is under way": [
    world(athome({ op: op("reboot"), reboots: 1, job: job("reboot") }), { incarnation: running }),
  ],
  "the reset is done": [
    world(athome({ op: op("reboot"), reboots: 1, job: job("reboot") }), {
      incarnation: { ...running, reboots: 1 },
    }),
    { do: "rebooted" },
  ],
  "the reset took too long": [
    world(athome({ op: op("reboot", { deadline: past }), reboots: 1, job: job("reboot") }), {
      incarnation: running,
    }),
    { do: "finish", outcome: "failed" },
  ],

  // Stopping
  "stopping, nothing heard": [world(stopping, { incarnation: running })],
  "it is off": [
    world(stopping, { incarnation: exited("exited", because("user-stop")) }),
    move("exitObserved", because("user-stop")),
  ],
  "it is off, and was to be destroyed": [
    world(
      { ...stopping, desired: "destroyed" },
      { incarnation: exited("exited", because("user-stop")) },
    ),
    move("exitObservedForDestroy", because("user-stop")),
  ],
  "it never was on": [
    world(stopping, { incarnation: exited("never-launched", because("user-stop")) }),
    move("neverLaunched", because("user-stop")),
  ],
  "stopping took too long": [
    world({ ...stopping, op: op("stop", { deadline: past }) }, { incarnation: running }),
    move("deadlinePassed"),
  ],

  // Lost
  "silence proves nothing": [world(lost, { incarnation: running, lease: "expired" })],
  "its host is back": [world(lost, { incarnation: running, lease: "valid" }), move("reattached")],
  "its host is back, and it should stop": [
    world({ ...lost, desired: "stopped" }, { incarnation: running, lease: "valid" }),
    move("reattachedStopping"),
  ],
  "its host is proven dead": [
    world(lost, { incarnation: running, lease: "fenced", fence }),
    move("fenceProven", {
      class: "host-failure",
      says: "Its host fell silent and was proven dead: its power was read back as off.",
      at: now,
    }),
  ],
  "a person has sworn that its host is off": [
    world(lost, {
      incarnation: running,
      lease: "fenced",
      fence: { ...fence, proof: "attested", says: "a person has sworn that it is off" },
    }),
    move("operatorAttested", {
      class: "attested",
      says: "Its host fell silent and was proven dead: a person has sworn that it is off.",
      at: now,
    }),
  ],
  "its end is unexplained, and its host is proven dead: that explains it": [
    world(lost, {
      incarnation: exited("exited", because("unknown")),
      lease: "fenced",
      fence,
    }),
    move("fenceProven", {
      class: "host-failure",
      says: "Its host fell silent and was proven dead: its power was read back as off.",
      at: now,
    }),
  ],
  "dead, and its policy is none: it stays stopped": [
    world({ state: "stopped", recovery: "none", cause: because("host-failure") }),
    { do: "want", desired: "stopped", cause: because("host-failure") },
  ],
  "dead, and what it depends on is not up yet": [
    world({ state: "stopped", cause: because("host-failure") }, { waitsFor: ["db"] }),
    { do: "wait", until: after(now, patience.dependencyWait) },
  ],
  "dead, and what it depends on has not come up for long enough": [
    world(
      { state: "stopped", cause: because("host-failure") },
      { waitsFor: ["db"], now: after(now, patience.dependencyWait) },
    ),
    { do: "place" },
  ],
  "a late report of its end": [
    world(lost, { incarnation: crashed, lease: "expired" }),
    move("exitObserved", because("qemu-crash")),
  ],
  "lost, and to be destroyed: still nothing is proven": [
    world({ ...lost, desired: "destroyed" }, { incarnation: running, lease: "expired" }),
  ],

  // Failed, destroyed, expunging
  "given up": [world({ state: "failed", cause: because("qemu-crash") })],
  "given up, and told to start": [world({ state: "failed", job: job("start") }), { do: "place" }],
  "given up, and to be destroyed": [
    world({ state: "failed", desired: "destroyed", cause: because("qemu-crash") }),
    move("destroy"),
  ],
  "destroyed, and still to be undone": [
    world({ state: "destroyed", desired: "destroyed", destroyedAt: now }),
  ],
  "destroyed, and taken back": [
    world({ state: "destroyed", desired: "stopped", destroyedAt: now }),
    move("recover"),
  ],
  "destroyed, and not to be kept": [
    world({ state: "destroyed", desired: "expunged", destroyedAt: now }),
    move("expunge"),
  ],
  "destroyed long enough ago": [
    world(
      { state: "destroyed", desired: "destroyed", destroyedAt: now },
      { now: after(now, patience.undoWindow) },
    ),
    move("undoWindowElapsed"),
  ],
  "expunging, and its volume is still there": [world({ state: "expunging", op: op("expunge") })],
  "expunging, and its volume is gone": [
    world({ state: "expunging", op: op("expunge") }, { volume: "released" }),
    move("resourcesReleased"),
  ],
  "expunging, and it never had a volume": [
    world({ state: "expunging", op: op("expunge") }, { volume: "unplaced" }),
    move("resourcesReleased"),
  ],
  gone: [world({ state: "expunged", desired: "expunged" })],

  // Jobs
  "a start that came true": [
    world(athome({ job: job("start") }), { incarnation: running }),
    { do: "finish", outcome: "succeeded" },
  ],
  "a run that was given up": [
    world({ state: "failed", job: job("run"), cause: because("launch-failed") }),
    { do: "finish", outcome: "failed" },
  ],
  "a start of one whose guest had switched itself off": [
    world({
      ...{ state: "stopped", desired: "stopped" },
      ...{ job: job("start"), cause: because("guest-shutdown") },
    }),
    { do: "finish", outcome: "failed" },
  ],
  "a stop that came true": [
    world({ state: "stopped", desired: "stopped", job: job("stop") }),
    { do: "finish", outcome: "succeeded" },
  ],
  "a reboot whose guest died of it": [
    world({ state: "stopped", job: job("reboot"), cause: because("qemu-crash") }),
    { do: "finish", outcome: "failed" },
  ],
};

for (const [situation, [situated, expected]] of Object.entries(table))
  test(situation, () => assert.deepEqual(decide(situated), expected));
