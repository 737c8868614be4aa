/** What only the simulated hypervisor promises: misfortune on demand, and a clock that is turned. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  after,
  type Clock,
  type Duration,
  type Instant,
  milliseconds,
  minutes,
  seconds,
} from "@holdfast/kernel/time";
import { specOf } from "./contract.ts";
import type { MachineEvent } from "./driver.ts";
import {
  befall,
  endMachine,
  simulatedHypervisor,
  simulatedWorld,
  type Temper,
} from "./simulated.ts";

/** A clock that stands still until it is turned, and counts who waits for it. */
function turnedClock() {
  let now = 1_000 as Instant; // Any moment will do.
  let sleepers: { readonly until: Instant; wake(): void }[] = [];
  const clock: Clock = {
    now: () => now,
    sleep: (wait) => new Promise((wake) => sleepers.push({ until: after(now, wait), wake })),
  };
  return {
    clock,
    waiting: () => sleepers.length,
    async turn(by: Duration) {
      await settled();
      now = after(now, by);
      const due = sleepers.filter(({ until }) => until <= now);
      sleepers = sleepers.filter(({ until }) => until > now);
      for (const { wake } of due) wake();
      await settled();
    },
  };
}

/** Everything that waits for nothing but a promise has had its turn. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function host(temper: Temper = {}) {
  const { clock, turn, waiting } = turnedClock();
  const world = simulatedWorld({ bootTime: seconds(5), powerOffTime: seconds(1) });
  const spec = { ...specOf(), boot: { kernel: "/k", initrd: "/i", commandLine: "" } };
  world.tempers.set(spec.id, temper);
  const heard: string[] = [];
  const open = () => {
    const driver = simulatedHypervisor(world, clock);
    driver.onEvent(({ what }: MachineEvent) => heard.push(what));
    return driver;
  };
  return { world, clock, turn, waiting, spec, heard, open, driver: open() };
}

const ladder = { acpi: seconds(30), terminate: seconds(10), kill: seconds(5) };

test("a boot takes its time, and no other timer is left", async () => {
  const { driver, spec, turn, heard, waiting } = host();
  await driver.start(spec);
  assert.equal(waiting(), 1);
  await turn(seconds(4));
  assert.deepEqual(heard, ["running"]);
  await turn(seconds(1));
  assert.deepEqual(heard, ["running", "ready"]);
  assert.equal(waiting(), 0);
});

test("a guest becomes ready while nobody is attached, and is not told as news", async () => {
  const { driver, spec, turn, heard, open } = host();
  await driver.start(spec);
  await driver.close();
  await turn(minutes(1));
  const [view] = await open().adopt();
  assert.ok(view?.is === "running");
  assert.equal(view.guest, "up");
  assert.deepEqual(heard, ["running"]);
});

test("a reset voids the ready that was on its way", async () => {
  const { driver, spec, turn, heard } = host();
  await driver.start(spec);
  await turn(seconds(4));
  await driver.reset(spec, milliseconds(0));
  await turn(seconds(4));
  assert.deepEqual(heard, ["running", "reset"]);
  await turn(seconds(1));
  assert.deepEqual(heard, ["running", "reset", "ready"]);
});

test("a polite guest turns itself off within its time", async () => {
  const { driver, spec, turn } = host();
  await driver.start(spec);
  await turn(seconds(5));
  const stop = driver.stop(spec, ladder);
  await turn(seconds(1));
  assert.equal((await stop).reason, "guest-shutdown");
});

test("a deaf guest and a frozen process cost their steps of the ladder", async () => {
  for (const [temper, cost, status] of [
    [{ isDeaf: true }, 30, { code: 0 }],
    [{ isFrozen: true }, 10, { signal: "SIGKILL" }],
  ] as const) {
    const { driver, spec, turn, clock } = host(temper);
    await driver.start(spec);
    await turn(seconds(5));
    const began = clock.now();
    const stop = driver.stop(spec, ladder);
    for (let i = 0; i < 60; i++) await turn(seconds(1));
    const exit = await stop;
    assert.deepEqual(exit.status, status);
    assert.equal(exit.at - began, seconds(cost));
  }
});

test("what not even SIGKILL ends is said so, and still runs", async () => {
  const { driver, spec, turn } = host({ isFrozen: true, isUndying: true });
  await driver.start(spec);
  const stop = driver.stop(spec, {
    acpi: milliseconds(0),
    terminate: seconds(1),
    kill: seconds(1),
  });
  const refusal = assert.rejects(stop, { code: "not_stopped" });
  for (let i = 0; i < 3; i++) await turn(seconds(1));
  await refusal;
  assert.equal(driver.list()[0]?.is, "running");
});

test("a launch that never answers can be stopped", async () => {
  const { driver, spec, turn } = host({ launch: "hangs", isFrozen: true });
  const start = assert.rejects(driver.start(spec), { code: "launch_failed" });
  const stop = driver.stop(spec, {
    acpi: milliseconds(0),
    terminate: seconds(1),
    kill: seconds(1),
  });
  for (let i = 0; i < 3; i++) await turn(seconds(1));
  assert.deepEqual((await stop).status, { signal: "SIGKILL" });
  await start;
});

test("a machine that dies during its stop is not waited for", async () => {
  const { world, clock, driver, spec, turn } = host({ isDeaf: true });
  await driver.start(spec);
  await turn(seconds(5));
  const stop = driver.stop(spec, ladder);
  await turn(seconds(1));
  endMachine(world, spec, clock, { status: { signal: "SIGSEGV" }, oomKills: 1 });
  const exit = await stop;
  assert.deepEqual([exit.status, exit.oomKills, exit.requested], [{ signal: "SIGSEGV" }, 1, true]);
});

test("five thousand machines on a hundred hosts are started and stopped", async () => {
  const { clock, turn, waiting } = turnedClock();
  const hosts = Array.from({ length: 100 }, () => {
    return simulatedHypervisor(simulatedWorld({ bootTime: seconds(1) }), clock);
  });
  const specs = Array.from({ length: 50 }, () => ({ ...specOf(), boot: host().spec.boot }));
  await Promise.all(hosts.flatMap((driver) => specs.map((spec) => driver.start(spec))));
  assert.equal(waiting(), 5_000);
  await turn(seconds(1));
  assert.equal(waiting(), 0);
  const stops = hosts.flatMap((driver) => specs.map((spec) => driver.stop(spec, ladder)));
  const exits = await Promise.all(stops);
  assert.ok(exits.every(({ reason }) => reason === "guest-shutdown"));
});

/** What a record says of each misfortune that ends a machine, beside its status. */
const endings = [
  ["vanished", "unrecorded", undefined, []],
  ["host-rebooted", "unrecorded", undefined, ["HOST_REBOOTED"]],
  ["aborted", { signal: "SIGABRT" }, undefined, []],
  ["killed", { signal: "SIGKILL" }, undefined, []],
  ["terminated", { code: 0 }, "host-signal", ["SHUTDOWN"]],
  ["power-off", { code: 0 }, "guest-shutdown", ["SHUTDOWN"]],
] as const;
for (const [misfortune, status, reason, events] of endings)
  test(`a machine that is ${misfortune} leaves what the real one leaves`, async () => {
    const { world, clock, driver, spec } = host();
    await driver.start(spec);
    befall(world, spec, clock, misfortune);
    befall(world, spec, clock, "panic"); // Past all harm.
    const [view] = driver.list();
    assert.ok(view?.is === "exited");
    assert.deepEqual([view.exit.status, view.exit.reason], [status, reason]);
    assert.deepEqual(
      view.exit.events.map(({ event }) => event),
      events,
    );
  });

test("trouble with a disk is no death, and is remembered in the record of the death", async () => {
  const { world, clock, driver, spec, heard } = host();
  await driver.start(spec);
  befall(world, spec, clock, "disk-full");
  befall(world, spec, clock, "disk-error"); // One trouble.
  assert.equal(driver.list()[0]?.is, "running");
  await driver.resume(spec);
  befall(world, spec, clock, "disk-lost");
  befall(world, spec, clock, "killed");
  assert.deepEqual(heard, ["running", "io-error", "resumed", "io-error", "exited"]);
  const [view] = driver.list();
  assert.ok(view?.is === "exited");
  const told = view.exit.events;
  assert.deepEqual(
    told.map(({ event }) => event),
    ["BLOCK_IO_ERROR", "STOP", "RESUME", "DISK_LOST"],
  );
  assert.equal(JSON.parse(told[0]?.detail ?? "").nospace, true);
});

test("a hang is found after the watchdog's time and not before, and a reset forgives it", async () => {
  const { world, clock, driver, spec, turn } = host();
  await driver.start(spec);
  await turn(seconds(5));
  befall(world, spec, clock, "hang");
  await turn(seconds(9));
  assert.equal(driver.list()[0]?.is, "running");
  await driver.reset(spec, milliseconds(0));
  await turn(seconds(5));
  assert.equal(driver.list()[0]?.is, "running");
  befall(world, spec, clock, "hang");
  await turn(seconds(10));
  const [view] = driver.list();
  assert.ok(view?.is === "exited");
  assert.deepEqual([view.exit.reason, view.exit.watchdogFired], ["watchdog", true]);
});
