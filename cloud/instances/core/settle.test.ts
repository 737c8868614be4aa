/** What a whole look at an instance writes down: the events in order, and where it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, type Instant, seconds } from "@holdfast/kernel/time";
import { type Order, obey } from "./command.ts";
import { homed, transitional } from "./lifecycle.ts";
import type { Cause, World } from "./model.ts";
import { type Settled, settle } from "./settle.ts";
import { athome, exited, home, job, now, op, patience, running, world } from "./testing.ts";
import { placed, unplaced } from "./transition.ts";

const because = (kind: Cause["class"]): Cause => ({ class: kind, says: "", at: now });
const told = ({ entries, world: { instance } }: Settled) => [
  ...entries.map(({ event }) => event),
  `= ${instance.state}`,
];
const order = (verb: Order["verb"], force = false): Order => ({
  verb,
  force,
  job: job(verb),
  requestId: "r2",
});

function command(start: World, given: Order): Settled {
  const obeyed = obey(start, given);
  if ("refused" in obeyed) throw obeyed.refused;
  return settle(obeyed.world, { entries: obeyed.entries });
}

test("a new instance gets as far as needing a host in one look", () => {
  const settled = settle(world({ op: op("provision"), job: job("run") }));
  assert.deepEqual(told(settled), ["resourcesReady", "= stopped"]);
  assert.ok(settled.wantsPlace);
});

test("a host makes it start: the next generation, a home, an operation with a deadline", () => {
  const { world: next, entry } = placed(
    world({ state: "stopped", generation: 4, job: job("run") }),
    home,
  );
  const { generation, home: at, op: under } = next.instance;
  assert.deepEqual(
    [entry?.event, generation, at, under?.deadline],
    ["start", 5, home, after(now, patience.starting)],
  );
  assert.equal(next.incarnation?.phase, "asked");
});

test("a job that ended before a host was found has ended, whatever comes after", () => {
  const dead = athome({ desired: "running", op: op("reboot"), job: job("reboot") });
  const settled = settle(world(dead, { incarnation: exited("exited", because("qemu-crash")) }));
  assert.deepEqual(settled.finished, [{ job: job("reboot"), outcome: "failed" }]);
  assert.ok(settled.wantsPlace);
  const { world: next } = placed(settled.world, home);
  assert.deepEqual(settle(next, settled).finished, settled.finished);
});

test("without a host and with somebody waiting it is failed at once, and the job with it", () => {
  const refused = unplaced(
    world({ state: "stopped", job: job("run") }),
    because("insufficient-capacity"),
  );
  const settled = settle(refused.world);
  assert.deepEqual(told(settled), ["budgetSpent", "= failed"]);
  assert.deepEqual(settled.finished, [{ job: job("run"), outcome: "failed" }]);
});

test("that there is still no room is written once, and again when the reason is another", () => {
  const full = because("insufficient-capacity");
  const first = unplaced(world({ state: "stopped" }), full);
  assert.equal(first.entry?.event, "placementRefused");
  assert.equal(
    unplaced(first.world, { ...full, at: after(full.at, seconds(10)) }).entry,
    undefined,
  );
  assert.ok(unplaced(first.world, { ...full, says: "All are down." }).entry);
});

test("a guest that switches itself off stays off", () => {
  const settled = settle(
    world(athome(), { incarnation: exited("exited", because("guest-shutdown")) }),
  );
  assert.deepEqual(told(settled), ["exitObserved", "want-stopped", "= stopped"]);
  assert.equal(settled.lookAt, undefined);
});

test("a guest that crashes for the first time is started again at once, and that is counted", () => {
  const settled = settle(world(athome(), { incarnation: exited("exited", because("qemu-crash")) }));
  assert.deepEqual(told(settled), ["exitObserved", "= stopped"]);
  assert.ok(settled.wantsPlace);
  assert.deepEqual(settled.world.instance.restarts, [now]);
});

test("a guest that crashes again is started after a pause, with its cause on record", () => {
  const restarts = [now];
  const settled = settle(
    world(athome({ restarts }), { incarnation: exited("exited", because("qemu-crash")) }),
  );
  assert.deepEqual(told(settled), ["exitObserved", "= stopped"]);
  assert.equal(settled.world.instance.cause?.class, "qemu-crash");
  assert.equal(settled.lookAt, settled.world.instance.notBefore);
});

test("destroy of a running instance pulls the plug, and is done when the process is gone", () => {
  const settled = command(world(athome(), { incarnation: running }), order("destroy"));
  assert.deepEqual(told(settled), ["command-destroy", "destroy", "= stopping"]);
  const gone = settle({ ...settled.world, incarnation: exited("exited", because("user-stop")) });
  assert.deepEqual(told(gone), ["exitObservedForDestroy", "= destroyed"]);
  assert.deepEqual(gone.finished, [{ job: job("destroy"), outcome: "succeeded" }]);
});

test("a second, harder stop takes effect at once", () => {
  const stopping = command(world(athome(), { incarnation: running }), order("stop"));
  assert.equal(stopping.world.instance.op?.deadline, after(now, patience.stoppingGracefully));
  const forced = command(stopping.world, order("stop", true));
  assert.equal(forced.world.instance.op?.deadline, after(now, patience.stoppingForced));
  assert.ok(forced.world.instance.isForced);
});

test("a start that took too long is undone, and remembered as that and not as the kill", () => {
  const late = world(athome({ state: "starting", op: op("start", { deadline: now }) }), {
    incarnation: { ...running, phase: "asked" },
  });
  const stopping = settle(late);
  assert.deepEqual(told(stopping), ["deadlinePassed", "= stopping"]);
  const gone = settle({ ...stopping.world, incarnation: exited("exited", because("user-stop")) });
  assert.equal(gone.world.instance.cause?.class, "boot-timeout");
});

test("commands to a lost instance are only written down", () => {
  const lost = world(athome({ state: "lost", op: op("locate") }), {
    incarnation: running,
    lease: "expired",
  });
  const settled = command(lost, order("stop"));
  assert.deepEqual(told(settled), ["command-stop", "= lost"]);
  assert.equal(settled.world.instance.desired, "stopped");
});

test("taking back a stop: the guest still goes off, and is started again", () => {
  const stopping = command(world(athome(), { incarnation: running }), order("stop"));
  const undone = command(stopping.world, { ...order("start"), isUndo: true });
  assert.equal(undone.world.instance.state, "stopping");
  const off = settle({ ...undone.world, incarnation: exited("exited", because("user-stop")) });
  assert.ok(off.wantsPlace);
});

test("what is refused says the state, the operation in the way and when to try again", () => {
  const obeyed = obey(world(athome({ state: "stopping", op: op("stop") })), order("reboot"));
  assert.ok("refused" in obeyed);
  const { code, details } = obeyed.refused;
  assert.deepEqual(
    [code, details.facts, details.retryAfterSeconds],
    ["not_in_this_state", { state: "stopping", op: "stop", accepting: ["running"] }, 60],
  );
});

test("what was thrown away is not brought back by a stop or a start that came late", () => {
  for (const state of ["destroyed", "expunging", "expunged"] as const) {
    const gone = world({ state, desired: "destroyed", destroyedAt: now, job: job("expunge") });
    const obeyed = obey(gone, order("stop"));
    assert.ok(!("refused" in obeyed) && obeyed.isDone, state);
    assert.equal(obeyed.world, gone, state);
    assert.equal(obeyed.superseded, undefined, "the job that carries it out goes on");
  }
  const dying = athome({ state: "stopping", op: op("stop"), desired: "destroyed" });
  const lost = athome({ state: "lost", op: op("locate"), desired: "destroyed" });
  for (const [instance, verb] of [
    [dying, "stop"],
    [lost, "stop"],
    [lost, "start"],
  ] as const)
    assert.ok("refused" in obey(world(instance), order(verb)), `${instance.state} ${verb}`);
});

test("what is protected is not destroyed", () => {
  const obeyed = obey(world(athome({ isProtected: true })), order("destroy"));
  assert.ok("refused" in obeyed && obeyed.refused.code === "instance_protected");
});

test("after every look: an operation in every transitional state, a home exactly where one may run", () => {
  const incarnations = [
    undefined,
    running,
    exited("exited", because("qemu-crash")),
    exited("never-launched", because("user-stop")),
  ];
  const states = [
    "provisioning",
    "stopped",
    "starting",
    "running",
    "stopping",
    "lost",
    "failed",
    "destroyed",
    "expunging",
    "expunged",
  ] as const;
  for (const state of states)
    for (const desired of ["running", "stopped", "destroyed", "expunged"] as const)
      for (const incarnation of incarnations)
        for (const lease of ["valid", "expired", "fenced"] as const)
          for (const late of [0, 1e9]) {
            const homely = homed.has(state) ? { home, generation: 1 } : {};
            const busy = transitional.has(state) ? { op: op("stop") } : {};
            const instance = { state, desired, ...homely, ...busy };
            const start = world(instance, { incarnation, lease, now: (now + late) as Instant });
            const { instance: end } = settle(start).world;
            assert.ok(
              !transitional.has(end.state) || end.op,
              `${state} → ${end.state} without an operation`,
            );
            assert.equal(end.home !== undefined, homed.has(end.state), `${state} → ${end.state}`);
          }
});
