/** A guard through bad days, on a clock that is turned by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  memoryPool,
  type TestGuard,
  terms,
  testGuard,
  turnedWorld,
  type World,
} from "./testing.ts";

/** The bound at which a manager may start a host's guests elsewhere. */
const bound = 16_000;

test("while renewals come, guests live, the watchdog is petted and the pool is stamped", async () => {
  const { world, host, pool } = await one();
  await served(world, host, 30_000);
  assert.equal(host.alive().length, 1);
  assert.deepEqual(host.state(), {
    ...{ say: "state", isValid: true, isQuarantined: false },
    ...{ watchdog: { kind: "simulated", isArmed: true }, stamped: ["shared"] },
  });
  assert.ok(world.now() - Number(pool.stamps.get("h1")) <= 1_100);
});

test("cut off while others are served, it kills within the budget and pets no more until all are gone", async () => {
  const { world, host, other } = await two();
  const machine = host.alive()[0];
  const cutAt = world.now();
  await served(world, other, 8_000);
  assert.ok(machine?.diedAt);
  const after = machine.diedAt - cutAt;
  assert.ok(after >= 4_000 && after <= 8_000, `killed after ${after} ms`);
  assert.deepEqual(machine.notes, ["lease-expired"]);
  assert.deepEqual(
    host.killed.map(({ name }) => name),
    ["m1"],
  );
  assert.equal(host.state().isQuarantined, true);
  await served(world, other, 30_000);
  assert.equal(host.watchdog.firedAt(), undefined); // Nothing fenceable is left, so it may live.
});

test("a guest that survives SIGKILL is left to the watchdog, and is dead before anybody starts it again", async () => {
  const { world, host, other } = await two();
  const [machine] = host.machines;
  assert.ok(machine);
  machine.isStuck = true;
  const lastAt = world.now();
  await served(world, other, 20_000);
  assert.ok(machine.diedAt !== undefined && machine.diedAt === host.watchdog.firedAt());
  assert.ok(machine.diedAt - lastAt < bound, `dead after ${machine.diedAt - lastAt} ms`);
});

test("a launch that was under way is killed as soon as it shows", async () => {
  const { world, host, other } = await two();
  await served(world, other, 8_000);
  const late = host.launch("late");
  await served(world, other, 300);
  assert.ok(late.diedAt !== undefined);
});

test("every manager is gone: nobody can start the guests, so they live", async () => {
  const { world, host, other } = await two();
  await world.turn(10 * 60_000);
  for (const each of [host, other]) {
    assert.deepEqual([each.alive().length, each.watchdog.firedAt()], [1, undefined]);
    assert.deepEqual([each.state().isValid, each.state().isQuarantined], [false, false]);
  }
});

test("managers come back for others and not for us: after a moment to be answered as well, the excuse is over", async () => {
  const { world, host, other } = await two();
  await world.turn(60_000);
  const backAt = world.now();
  await served(world, other, 7_000);
  assert.equal(host.alive().length, 1); // They may have many hosts to answer.
  await served(world, other, 3_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - backAt < 9_500, `killed after ${(diedAt ?? 0) - backAt} ms`);
  assert.equal(host.watchdog.firedAt(), undefined);
  assert.equal(other.alive().length, 1);
});

test("managers come back for everybody: nothing was lost", async () => {
  const { world, host, other } = await two();
  await world.turn(60_000);
  // The first to be answered shows itself; the others have not found a manager yet.
  await served(world, other, 6_000);
  await served(world, [host, other], 10_000);
  assert.deepEqual([host.alive().length, other.alive().length], [1, 1]);
});

test("a pool that hangs is no excuse, and hangs nothing", async () => {
  const { world, host, other, pool } = await two();
  await served(world, [host, other], 1_000);
  pool.hang(true);
  await served(world, [host, other], 20_000);
  assert.equal(host.alive().length, 1); // With the lease held, storage is not the guard's business.
  assert.deepEqual(host.state().stamped, []);
  const cutAt = world.now();
  await world.turn(8_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - cutAt <= 5_500, "killed as soon as the lease has ended");
});

test("a pool that hangs while headless ends the excuse, before the watchdog does", async () => {
  const { world, host, pool } = await two();
  await world.turn(60_000);
  pool.hang(true);
  const hungAt = world.now();
  await world.turn(20_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - hungAt <= 4_000);
  assert.equal(host.watchdog.firedAt(), undefined);
});

test("a pool that cannot be written is no excuse either", async () => {
  const { world, host, pool } = await one();
  pool.write = pool.probe = () => Promise.reject(new Error("EROFS"));
  await world.turn(8_000);
  assert.equal(host.alive().length, 0);
});

test("a host that shares nothing has no excuse", async () => {
  const world = turnedWorld();
  const host = testGuard(world, "h1");
  await host.start();
  host.launch();
  await served(world, host, 3_000);
  const cutAt = world.now();
  await world.turn(6_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - cutAt <= 5_200);
});

for (const frozen of [4_000, 7_000, 12_000, 30_000])
  test(`an agent that is frozen for ${frozen / 1_000} s costs no guest its life`, async () => {
    const { world, host, other } = await two();
    host.managers = async () => terms;
    const stop = world.every(100, () => other.renew());
    await world.turn(frozen);
    stop();
    assert.deepEqual([host.alive().length, host.state().isValid], [1, true]);
    // From ten seconds on it is helped along: its supervisor starts another.
    assert.deepEqual(host.agentsKilled, frozen > 10_000 ? [7] : []);
    // Thawed: what it still has to say is old, and takes nothing away.
    host.renew(frozen);
    await world.turn(100);
    assert.equal(host.state().isValid, true);
  });

test("an agent is not blamed while no manager answers the guard either", async () => {
  const { world, host } = await two();
  await world.turn(60_000);
  assert.deepEqual(host.agentsKilled, []);
});

test("an agent is not blamed for the silence of managers that have just come back", async () => {
  const { world, host } = await two();
  await world.turn(60_000);
  host.managers = async () => terms;
  await world.turn(6_000);
  assert.deepEqual(host.agentsKilled, []);
  await world.turn(2_000);
  assert.deepEqual(host.agentsKilled, [7]); // But it is for its own, when it goes on and on.
});

test("a new agent gets its own ten seconds", async () => {
  const { world, host } = await one();
  host.managers = async () => terms;
  await world.turn(8_000);
  host.reconnect();
  host.renew(0, { agentPid: 8 });
  await world.turn(9_000);
  assert.deepEqual(host.agentsKilled, []);
  await world.turn(2_000);
  assert.deepEqual(host.agentsKilled, [8]);
});

for (const away of [300, 2_000, 6_000])
  test(`a guard that is killed and away for ${away / 1_000} s knows its lease and its host when it is back`, async () => {
    const { world, host } = await one();
    host.managers = async () => terms;
    host.kill();
    await world.turn(away);
    await host.start();
    if (away < 4_000) assert.equal(host.state().isValid, true); // Before it could ask anybody.
    await world.turn(4_000);
    assert.deepEqual([host.state().isValid, host.alive().length], [true, 1]);
    assert.equal(host.watchdog.firedAt(), undefined);
  });

test("a guard that is back after the lease has ended, with others served, kills in time", async () => {
  const { world, host, other } = await two();
  const lastAt = world.now();
  host.kill();
  await served(world, other, 6_000);
  await host.start();
  await served(world, other, 8_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - lastAt < bound, `dead after ${(diedAt ?? 0) - lastAt} ms`);
});

test("a guard that is back in a fleet without managers finds its excuse before the watchdog fires", async () => {
  const { world, host } = await two();
  await world.turn(60_000);
  host.kill();
  await world.turn(1_000);
  await host.start();
  await world.turn(60_000);
  assert.deepEqual([host.alive().length, host.watchdog.firedAt()], [1, undefined]);
});

test("a guard that stays away is replaced by the watchdog", async () => {
  const { world, host, other } = await two();
  const lastAt = world.now();
  host.kill();
  await served(world, other, 20_000);
  const diedAt = host.machines[0]?.diedAt;
  assert.ok(diedAt && diedAt - lastAt < bound);
});

for (const frozen of [4_000, 7_000, 12_000, 30_000])
  test(`a guard frozen for ${frozen / 1_000} s pets nothing with a lease that is over`, async () => {
    const { world, host, other } = await two();
    const lastAt = world.now();
    host.freeze(true);
    await served(world, [host, other], 500); // What its agent says waits in the socket.
    await served(world, other, frozen);
    host.freeze(false);
    await served(world, other, 10_000);
    const diedAt = host.machines[0]?.diedAt;
    assert.ok(diedAt && diedAt - lastAt < bound, `dead after ${(diedAt ?? 0) - lastAt} ms`);
  });

test("without a lease ever, nothing is killed before the agent had its chance", async () => {
  const world = turnedWorld();
  const host = testGuard(world, "h1", new Map([["shared", memoryPool()]]));
  host.launch();
  await host.start();
  await world.turn(2_000);
  assert.equal(host.alive().length, 1);
  await served(world, host, 5_000);
  assert.equal(host.alive().length, 1);
});

test("a watchdog that is slower than the protocol is petted and not attested", async () => {
  const world = turnedWorld();
  const host = testGuard(world, "h1");
  const { arm } = host.watchdog;
  host.watchdog.arm = async (wanted) => ((await arm(wanted)) * 6) as typeof wanted;
  await host.start();
  await served(world, host, 3_000);
  assert.deepEqual(host.state().watchdog, { kind: "simulated", isArmed: false });
});

test("a guard that retires disarms the watchdog only if no fenceable guest is alive", async () => {
  const { world, host } = await one();
  await host.guard?.retire();
  assert.equal(host.watchdog.isArmed(), true);
  host.machines.length = 0;
  await host.start();
  await served(world, host, 2_000);
  await host.guard?.retire();
  assert.equal(host.watchdog.isArmed(), false);
});

test("a guard that retires first ends what it writes down", async () => {
  const { host } = await one();
  let written = () => {};
  const disk = new Promise<void>((resolve) => {
    written = resolve;
  });
  host.disk = () => disk;
  host.renew();
  let hasRetired = false;
  const retired = host.guard?.retire().then(() => {
    hasRetired = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasRetired, false);
  written();
  await retired;
});

test("nothing that is thrown stops the loop", async () => {
  const { world, host, other } = await two();
  const [machine] = host.machines;
  assert.ok(machine);
  machine.note = () => Promise.reject(new Error("ENOSPC"));
  let kills = 0;
  machine.kill = () => {
    kills += 1;
    throw new Error("EPERM");
  };
  host.watchdog.pet = () => {
    throw new Error("EIO");
  };
  await served(world, other, 9_000);
  assert.ok(kills > 5, `${kills} attempts`);
});

test("a lease of an older epoch does not come back", async () => {
  const { world, host } = await one();
  host.renew(0, { epoch: 3 });
  await world.turn(4_900);
  host.renew(0, { epoch: 2 });
  await world.turn(500);
  assert.equal(host.state().isValid, false);
});

test("a lease runs from when it was asked for, however long the answer was under way", async () => {
  const { world, host } = await one();
  const wait = 1_400;
  let askedAt = 0;
  host.managers = async () => {
    const mine = world.now();
    await new Promise<void>((resolve) => {
      const stop = world.every(100, () => {
        if (world.now() - mine < wait) return;
        stop();
        askedAt = mine;
        resolve();
      });
    });
    return terms;
  };
  await world.turn(12_000);
  host.managers = undefined;
  await world.turn(wait); // What was asked by then is answered.
  assert.equal(host.state().isValid, true);
  await world.turn(20_000, () => !host.state().isValid);
  const held = world.now() - askedAt;
  assert.ok(held <= terms.lease + 200, `held for ${held} ms after it was asked for`);
});

test("a look from before the lease ended says nothing of what was launched since", async () => {
  const world = turnedWorld();
  const shared = new Map([["shared", memoryPool()]]);
  const [host, other] = [testGuard(world, "h1", shared), testGuard(world, "h2", shared)];
  for (const each of [host, other]) await each.start();
  await served(world, [host, other], 8_000); // Nothing runs here, and it has looked.
  host.search = () => new Promise(() => {});
  host.launch();
  const lastAt = world.now();
  await served(world, other, 20_000);
  const firedAt = host.watchdog.firedAt();
  assert.ok(firedAt !== undefined && firedAt - lastAt < bound);
});

/** A host with one guest on a shared pool that nobody else uses, served until now. */
async function one() {
  const world = turnedWorld();
  const pool = memoryPool();
  const host = testGuard(world, "h1", new Map([["shared", pool]]));
  await host.start();
  host.launch();
  await served(world, host, 8_000);
  return { world, host, pool };
}

/** Two of them on one pool. */
async function two() {
  const world = turnedWorld();
  const pool = memoryPool();
  const shared = new Map([["shared", pool]]);
  const [host, other] = [testGuard(world, "h1", shared), testGuard(world, "h2", shared)];
  for (const each of [host, other]) {
    await each.start();
    each.launch();
  }
  await served(world, [host, other], 8_000);
  return { world, host, other, pool };
}

/** For so long these are answered every second, at different moments. */
async function served(
  world: World,
  hosts: TestGuard | readonly TestGuard[],
  duration: number,
): Promise<void> {
  const all = [hosts].flat();
  for (let passed = 0; passed < duration; passed += 100) {
    all.forEach((host, index) => {
      if (passed % 1_000 === (index * 300) % 1_000) host.renew(100);
    });
    await world.turn(100);
  }
}
