/** Each row is what two hosts say of an instance that moves, and the one thing to do about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { after, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import type { Action } from "./action.ts";
import { noteMove, obey, refuseMove } from "./command.ts";
import { decide } from "./decide.ts";
import { patienceOf } from "./migration.ts";
import { migrationLifecycle } from "./migration-lifecycle.ts";
import type { Cause, Fence, Incarnation, Migration, World } from "./model.ts";
import { settle } from "./settle.ts";
import {
  athome,
  exited,
  incoming,
  job,
  migrating,
  moving,
  now,
  op,
  patience,
  running,
  world,
} from "./testing.ts";
import { departing, moved } from "./transition.ts";
import { arrivalWishOf, type WishInput, wishOf } from "./wish.ts";

const because = (kind: Cause["class"]): Cause => ({ class: kind, says: "why", at: now });
const fence: Fence = { certificate: "c1", proof: "power-off", says: "it is off", provenAt: now };
const asked: Incarnation = { ...incoming, phase: "asked" };
const there: Incarnation = { ...incoming, phase: "running", guest: "up" };
const gone: Incarnation = {
  ...incoming,
  phase: "exited",
  ending: { how: "exited", cause: because("qemu-crash") },
};
const unused: Incarnation = {
  ...gone,
  ending: { how: "exited", neverRan: true, cause: because("qemu-crash") },
};
const left = exited("migrated", because("migration-failed"));
const crashed = exited("exited", because("qemu-crash"));

const on = (
  state: "migrating" | "lost" | "stopping",
  migration: Partial<Migration> = {},
  more: Partial<World> = {},
  instance: Partial<World["instance"]> = {},
): World => {
  const kind = state === "lost" ? "locate" : state === "stopping" ? "stop" : "migrate";
  const given = migrating({ state, op: op(kind), ...instance });
  return world(given, { incarnation: running, migration: moving(migration), ...more });
};
const does = (action: Action | undefined) =>
  action?.do === "move" ? action.event : (action?.do ?? "nothing");

const table: Record<string, readonly [World, string]> = {
  "the destination has been asked": [
    on("migrating", { arrival: asked, state: "preparing" }),
    "nothing",
  ],
  "the destination waits, and says where": [on("migrating", { state: "preparing" }), "copy"],
  "the destination waits, and has not said where": [
    on("migrating", { state: "preparing", relay: undefined }),
    "nothing",
  ],
  "it is being copied": [on("migrating"), "nothing"],
  "it runs there": [on("migrating", { arrival: there }), "switched"],
  "it has left, and nothing has been heard from there": [
    on("migrating", {}, { incarnation: left }),
    "switched",
  ],
  "it has left for a host that has fallen silent": [
    on("migrating", { lease: "expired" }, { incarnation: left }),
    "switched",
  ],
  "the destination's process ended and never ran: it runs on here": [
    on("migrating", { arrival: unused }),
    "migrationAborted",
  ],
  "the destination's process ended, and may have run: ask the source": [
    on("migrating", { arrival: gone }),
    "breakOff",
  ],
  "it may have run, and the source has been asked": [
    on("migrating", { arrival: gone, abort: "given-up" }),
    "nothing",
  ],
  "it cannot have run: the source has never handed it over": [
    on("migrating", { arrival: gone, hasGivenUp: true }),
    "migrationAborted",
  ],
  "it may have run: what stands still here is of the past": [
    on("migrating", { arrival: gone, hasSent: true }),
    "switched",
  ],
  "the destination was proven dead: ask the source": [
    on("migrating", { lease: "fenced", fence }),
    "breakOff",
  ],
  "the destination was proven dead before the source heard of it": [
    on("migrating", { state: "preparing", lease: "fenced", fence }),
    "migrationAborted",
  ],
  "the destination was proven dead, and the source stands still": [
    on("migrating", { lease: "fenced", fence, hasSent: true }),
    "switched",
  ],
  "the destination is silent: that is no end": [on("migrating", { lease: "expired" }), "breakOff"],
  "the destination is silent, and it is broken off already": [
    on("migrating", { lease: "expired", abort: "given-up" }),
    "nothing",
  ],
  "its host gave it up": [on("migrating", { hasGivenUp: true }), "breakOff"],
  "it crashed here: what has come of it there, that host will say": [
    on("migrating", {}, { incarnation: crashed }),
    "nothing",
  ],
  "it crashed here, and all of it was there": [
    on("migrating", { arrival: there }, { incarnation: crashed }),
    "switched",
  ],
  "it crashed here and ended there": [
    on("migrating", { arrival: gone }, { incarnation: crashed }),
    "exitObserved",
  ],
  "it crashed here, and the other host is silent": [
    on("migrating", { lease: "expired" }, { incarnation: crashed }),
    "leaseExpired",
  ],
  "its host is silent": [on("migrating", {}, { lease: "expired" }), "leaseExpired"],
  "its host is silent and the destination's process ended": [
    on("migrating", { arrival: gone }, { lease: "expired" }),
    "leaseExpired",
  ],
  "its host was proven dead": [on("migrating", {}, { lease: "fenced", fence }), "leaseExpired"],
  "its owner wants it stopped": [on("migrating", {}, {}, { desired: "stopped" }), "stop"],
  "its owner wants it gone": [on("migrating", {}, {}, { desired: "destroyed" }), "destroy"],
  "it takes too long": [
    on("migrating", {}, {}, { op: op("migrate", { deadline: (now - 1) as Instant }) }),
    "deadlinePassed",
  ],

  "lost, and silent as before": [on("lost", {}, { lease: "expired" }), "nothing"],
  "lost, and it runs at the destination": [
    on("lost", { arrival: there }, { lease: "expired" }),
    "switched",
  ],
  "lost, and it had left": [on("lost", {}, { incarnation: left, lease: "expired" }), "switched"],
  "lost, and its host is back": [on("lost"), "reattachedMigrating"],
  "lost, its host is back, and it should stop": [
    on("lost", {}, {}, { desired: "stopped" }),
    "reattachedStopping",
  ],
  "lost, its host proven dead, the destination still waits": [
    on("lost", {}, { lease: "fenced", fence }),
    "nothing",
  ],
  "lost, its host proven dead, the destination silent": [
    on("lost", { lease: "expired" }, { lease: "fenced", fence }),
    "nothing",
  ],
  "lost, its host proven dead, and it ended at the destination": [
    on("lost", { arrival: gone }, { lease: "fenced", fence }),
    "fenceProven",
  ],
  "lost, and both hosts are proven dead": [
    on("lost", { lease: "fenced", fence }, { lease: "fenced", fence }),
    "fenceProven",
  ],
  "lost, ended here, and the destination is proven dead": [
    on("lost", { lease: "fenced", fence }, { incarnation: crashed }),
    "exitObserved",
  ],

  "to stop, and both still run or wait": [
    on("stopping", {}, {}, { desired: "stopped" }),
    "nothing",
  ],
  "to stop, and it has moved meanwhile": [
    on("stopping", { arrival: there }, {}, { desired: "stopped" }),
    "switched",
  ],
  "to stop, ended here, and waiting there": [
    on("stopping", {}, { incarnation: crashed }, { desired: "stopped" }),
    "nothing",
  ],
  "to stop, ended here, and the destination is silent": [
    on("stopping", { lease: "expired" }, { incarnation: crashed }, { desired: "stopped" }),
    "leaseExpired",
  ],
  "to stop, and both have ended": [
    on("stopping", { arrival: gone }, { incarnation: crashed }, { desired: "stopped" }),
    "exitObserved",
  ],
  "to be destroyed, and both have ended": [
    on("stopping", { arrival: gone }, { incarnation: crashed }, { desired: "destroyed" }),
    "exitObservedForDestroy",
  ],
  "to stop, and the destination's process has ended": [
    on("stopping", { arrival: gone }, {}, { desired: "stopped" }),
    "nothing",
  ],
};

for (const [situation, [given, expected]] of Object.entries(table))
  test(situation, () => assert.equal(does(decide(given)), expected));

test("the table of a move is total, and every move comes to an end", () => {
  for (const state of migrationLifecycle.states)
    for (const event of migrationLifecycle.events)
      assert.ok(Object.keys(migrationLifecycle.react(state, event)).length > 0);
  for (const state of ["done", "aborted", "failed"] as const)
    assert.ok(migrationLifecycle.events.every((event) => !migrationLifecycle.next(state, event)));
});

test("a move begins with the next generation on the destination, and home stays where it is", () => {
  const { instance, migration } = departing(
    world(athome(), { incarnation: running }),
    "h2" as HostId,
    moving(),
  ).world;
  assert.deepEqual(
    [instance.state, instance.home, instance.generation, instance.lastGeneration],
    ["migrating", "h1", 1, 2],
  );
  assert.deepEqual([migration?.arrival.generation, migration?.arrival.phase], [2, "asked"]);
  assert.equal(instance.op?.deadline, after(now, patience.preparingMigration));
});

test("where it runs is home: generation, host and lease are those of the destination", () => {
  const { instance, incarnation, migration, lease } = settle(
    on("migrating", { arrival: there }, { lease: "valid" }, { job: job("migrate"), reboots: 2 }),
  ).world;
  assert.deepEqual(
    [instance.state, instance.home, instance.generation, instance.reboots, instance.op],
    ["running", "h2", 2, 0, undefined],
  );
  assert.deepEqual([incarnation, migration?.state, lease], [there, "switched", "valid"]);
});

test("a job to move succeeds where it got there, and fails where it did not", () => {
  const outcome = (migration: Partial<Migration>) =>
    settle(on("migrating", migration, {}, { job: job("migrate") })).finished[0]?.outcome;
  assert.equal(outcome({ arrival: there }), "succeeded");
  assert.equal(outcome({ arrival: unused }), "failed");
  assert.equal(outcome({ arrival: gone, hasSent: true }), "succeeded"); // As far as anybody knows.
  assert.equal(outcome({}), undefined);
});

test("a person who broke it off is told so, unless it was too late", () => {
  const aborted = obey(on("migrating", {}, {}, { job: job("migrate") }), {
    verb: "abort",
    force: false,
    job: job("abort"),
    requestId: "r2",
  });
  assert.ok(!("refused" in aborted));
  assert.deepEqual(aborted.superseded, job("migrate"));
  const end = (arrival: Incarnation) =>
    settle({ ...aborted.world, migration: { ...(aborted.world.migration ?? moving()), arrival } });
  assert.deepEqual(
    [end(unused).world.migration?.state, end(unused).finished[0]?.outcome],
    ["aborted", "succeeded"],
  );
  assert.deepEqual(
    [end(there).world.migration?.state, end(there).finished[0]?.outcome],
    ["switched", "failed"],
  );
});

test("the first deadline breaks it off and gives the hosts time to say what became of it, the next asks again", () => {
  const late = on("migrating", {}, {}, { op: op("migrate", { deadline: now }) });
  const first = moved(late, "deadlinePassed").world;
  assert.deepEqual(
    [first.migration?.abort, first.instance.op?.attempt, first.instance.op?.deadline],
    ["given-up", 0, after(now, patience.abortingMigration)],
  );
  const second = moved({ ...first, now: after(now, minutes(1)) }, "deadlinePassed").world;
  assert.deepEqual([second.instance.op?.attempt, second.migration?.abort], [1, "given-up"]);
});

test("once all was sent, the first deadline is no further away than the last step may take", () => {
  const far = after(now, minutes(10));
  const sent = on("migrating", { hasSent: true }, {}, { op: op("migrate", { deadline: far }) });
  const { world: soon, entries } = settle(sent);
  assert.deepEqual(
    [soon.instance.op?.deadline, soon.migration?.abort, entries],
    [after(now, moving().terms.switching), undefined, []],
  );
  const later = { ...soon, now: after(now, seconds(1)) };
  assert.deepEqual(
    settle(later).world.instance,
    soon.instance,
    "and it comes no nearer by being looked at",
  );
});

test("what has moved and ended there ends as what it was there", () => {
  const { entries, world: end } = settle(on("migrating", { arrival: gone }, { incarnation: left }));
  assert.deepEqual(
    entries.map(({ event }) => event),
    ["switched", "exitObserved"],
  );
  assert.deepEqual([end.instance.state, end.instance.cause?.class], ["stopped", "qemu-crash"]);
});

test("only what runs quietly may move", () => {
  const quiet = world(athome(), { incarnation: running });
  assert.equal(refuseMove(quiet), undefined);
  for (const not of [
    world({ state: "stopped" }),
    world(athome({ op: op("reboot") }), { incarnation: running }),
    world(athome(), { incarnation: running, lease: "expired" }),
    world(athome(), { incarnation: { ...running, phase: "incoming" } }),
    on("migrating"),
  ])
    assert.equal(refuseMove(not)?.code, "not_in_this_state");
  assert.equal(
    noteMove(quiet, { job: job("migrate"), requestId: "r" }).entry.event,
    "command-migrate",
  );
});

const input = ({ instance, incarnation, lease, migration }: World): WishInput => ({
  ...{ instance, incarnation, lease, migration },
  manifest: undefined,
  disks: [],
  nics: [],
  lastDeath: undefined,
});
const toSource = (of: World) => wishOf(input(of), 1, patience);
const toDestination = (of: World) => arrivalWishOf(input(of), 1, patience);

test("the source is told where to only once the destination waits, and until that has ended", () => {
  assert.equal(toSource(on("migrating", { state: "preparing" })).migrateTo, null);
  assert.equal(toSource(on("migrating")).migrateTo?.address, "192.0.2.2:7071");
  assert.equal(toSource(on("migrating", { abort: "asked" })).migrateTo?.isAborted, true);
  assert.equal(toSource(on("migrating", { lease: "expired" })).migrateTo?.isAborted, true);
  assert.equal(toSource(on("lost", {}, { lease: "expired" })).migrateTo?.isAborted, false);
  assert.equal(toSource(on("stopping", {}, {}, { desired: "stopped" })).migrateTo?.isAborted, true);
  assert.equal(toSource(settle(on("migrating", { arrival: unused })).world).migrateTo, null);
});

test("the destination may run it only once the one at home is over or has sent all, and never from nothing", () => {
  const wish = (of: World) => {
    const { want, wasRunning } = toDestination(of) ?? {};
    return [want, wasRunning];
  };
  assert.deepEqual(wish(on("migrating", { arrival: asked })), ["incoming", false]);
  assert.deepEqual(wish(on("migrating")), ["incoming", true]);
  assert.deepEqual(wish(on("lost", {}, { lease: "expired" })), ["incoming", true]);
  assert.deepEqual(wish(on("lost", { arrival: asked }, { lease: "fenced", fence })), [
    "running",
    true,
  ]);
  assert.deepEqual(wish(on("migrating", {}, { incarnation: crashed })), ["running", true]);
  assert.deepEqual(wish(on("migrating", { hasGivenUp: true })), ["stopped", true]);
  assert.deepEqual(wish(on("migrating", { abort: "asked" })), ["incoming", true]);
  assert.deepEqual(wish(on("migrating", { hasSent: true })), ["incoming", true]);
  assert.deepEqual(wish(on("migrating", { abort: "given-up", hasSent: true })), ["running", true]);
  assert.deepEqual(wish(on("migrating", { state: "preparing", abort: "asked" })), [
    "stopped",
    true,
  ]);
  assert.deepEqual(wish(on("stopping", {}, {}, { desired: "stopped" })), ["stopped", true]);
  assert.equal(toDestination(on("migrating", { arrival: gone })), undefined);
});

test("patience grows with memory and disks, and where it must go slowly", () => {
  const rules = { least: seconds(300), perGiB: seconds(100), switching: seconds(30) };
  const whole = (memoryMiB: number, diskBytes: number, speed?: number) => {
    const { precopy, converge } = patienceOf({ memoryMiB, diskBytes }, speed, rules);
    return Math.round((precopy + converge) / 1_000);
  };
  assert.equal(whole(128, 0), 300);
  assert.equal(whole(8_192, 0), 800);
  assert.equal(whole(8_192, 0, 8 * 2 ** 20), 3_072);
  assert.equal(whole(128, 50 * 2 ** 20 * 60), 360);
});
