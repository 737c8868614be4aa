/**
 * What every hypervisor promises about endings, as tests: each kind of death is told apart from all
 * others, by evidence, and an agent that was away when it happened tells the same story.
 *
 * Guests hurt themselves with `holdfast-hurt`, as drills make them. What only happens to processes is
 * done to guests with nothing to boot from, because that costs no boot.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Desk, type HypervisorRig, listen, promises } from "./contract.ts";
import type { Exit } from "./driver.ts";

export function deathContract(
  name: string,
  makeRig: (t: TestContext) => Promise<HypervisorRig>,
): void {
  const promise = promises(name, makeRig);

  promise("a panic is told with its last words, and what came before it", async (desk) => {
    await bootAndHurt(desk, "memory");
    await until(desk, /Out of memory: Killed process/);
    const { driver, spec } = desk;
    assert.equal(phaseOf(desk), "up", "a guest that kills one of its programs lives on");
    await hurt(desk, "reset");
    await desk.hear("reset");
    await desk.hear("ready", 2);
    await driver.pause(spec);
    await driver.resume(spec);
    await hurt(desk, "panic", unwatched);
    const exit = await ended(desk);
    assert.deepEqual(kindOf(exit), { status: { code: 0 }, reason: "guest-panic" });
    assert.equal(exit.requested, false);
    assert.deepEqual(
      exit.events.map(({ event }) => event),
      ["RESET", "STOP", "RESUME", "GUEST_PANICKED", "SHUTDOWN"],
    );
    assert.deepEqual(detailOf(exit, "RESET"), { guest: true, reason: "guest-reset" });
    assert.deepEqual(detailOf(exit, "SHUTDOWN"), { guest: true, reason: "guest-panic" });
    assert.match(exit.consoleTail.join("\n"), /Kernel panic - not syncing: sysrq/);
    assertInOrder(exit);
    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.ok(view?.is === "exited");
    assert.deepEqual(view.exit, exit, "the story does not change");
  });

  promise("a panic for want of memory says so", async (desk) => {
    await bootAndHurt(desk, "memory-panic", unwatched);
    const exit = await ended(desk);
    assert.equal(exit.reason, "guest-panic");
    assert.match(exit.consoleTail.join("\n"), /Kernel panic - not syncing: Out of memory/);
  });

  promise("a guest that hangs is ended by its watchdog", async (desk) => {
    await bootAndHurt(desk, "hang");
    const exit = await ended(desk);
    assert.deepEqual(kindOf(exit), { status: { code: 0 }, reason: "watchdog" });
    assert.deepEqual([exit.watchdogFired, exit.requested], [true, false]);
    assert.deepEqual(detailOf(exit, "WATCHDOG"), { action: "pause" });
    const [processor] = detailOf(exit, "PROCESSORS").processors;
    assert.match(processor.at, /^[0-9a-f]+$/);
    assert.ok(!desk.said().includes("paused"), "nobody paused it");
    assertInOrder(exit);
  });

  promise("a hang while nobody was attached is ended by whoever comes", async (desk) => {
    await bootAndHurt(desk, "hang");
    await desk.driver.close();
    await desk.rig.untilStopped(desk.spec);
    await desk.restart();
    await desk.driver.adopt();
    const exit = await ended(desk);
    assert.deepEqual(kindOf(exit), { status: { code: 0 }, reason: "watchdog" });
    assert.deepEqual([exit.watchdogFired, exit.requested], [true, false]);
  });

  promise("a panic while nobody was attached leaves the same evidence", async (desk) => {
    await bootAndHurt(desk, "panic", 1);
    await desk.driver.close();
    await desk.rig.untilStopped(desk.spec);
    await desk.restart();
    await desk.driver.adopt();
    const exit = await ended(desk);
    assert.equal(exit.reason, "guest-panic");
    assert.deepEqual(
      exit.events.map(({ event }) => event),
      ["GUEST_PANICKED", "SHUTDOWN"],
    );
    assert.deepEqual(detailOf(exit, "SHUTDOWN"), { guest: true, reason: "guest-panic" });
    assert.match(exit.consoleTail.join("\n"), /Kernel panic - not syncing: sysrq/);
  });

  promise("a crash is told by its signal, and no reason is made up", async (desk) => {
    for (const signal of ["SIGSEGV", "SIGABRT"] as const) {
      const spec = { ...desk.spec, generation: signal === "SIGSEGV" ? 1 : 2 };
      await desk.driver.start(spec);
      await desk.rig.signal(spec, signal);
      const exit = await ended(desk, spec.generation);
      assert.deepEqual(kindOf(exit), { status: { signal }, reason: undefined });
      assert.deepEqual([exit.requested, exit.watchdogFired, exit.oomKills], [false, false, 0]);
      assert.deepEqual([exit.signalledBy, exit.fenced], [undefined, undefined]);
    }
  });

  promise("a polite signal is told with who sent it, though the exit code is 0", async (desk) => {
    await desk.driver.start(desk.spec);
    await desk.rig.signal(desk.spec, "SIGTERM");
    const exit = await ended(desk);
    assert.deepEqual(kindOf(exit), { status: { code: 0 }, reason: "host-signal" });
    assert.equal(exit.signalledBy?.signal, "SIGTERM");
    assert.ok(exit.signalledBy.pid > 0);
    assert.notEqual(exit.signalledBy.name, "");
    assert.deepEqual(detailOf(exit, "SHUTDOWN"), { guest: false, reason: "host-signal" });
  });

  promise("what the host's kernel killed for memory is told in its own words", async (desk) => {
    const { driver, rig, spec } = desk;
    await driver.start({ ...spec, boot: rig.guest, paused: true });
    await rig.starve(spec);
    await driver.resume(spec).catch(() => {}); // It may be gone by then.
    const exit = await ended(desk);
    assert.deepEqual(kindOf(exit), { status: { signal: "SIGKILL" }, reason: undefined });
    assert.equal(exit.oomKills, 1);
    if (rig.hasKernelLog) {
      assert.match(exit.kernelLog.join("\n"), /memory: usage \d+kB, limit \d+kB, failcnt \d+/);
      assert.match(exit.kernelLog.join("\n"), new RegExp(`oom-kill:.*/${spec.id}\\.g1,`));
      assert.match(exit.kernelLog.join("\n"), /Killed process \d+ \(qemu-system-x86\)/);
    }
  });

  promise("what the guard killed is told with its note", async (desk) => {
    await desk.driver.start({ ...desk.spec, isFenceable: true });
    await desk.rig.fence(desk.spec);
    const exit = await ended(desk);
    assert.deepEqual(exit.status, { signal: "SIGKILL" });
    assert.deepEqual([exit.fenced?.why, exit.requested], ["lease-expired", false]);
    assert.ok(exit.fenced && exit.fenced.at <= exit.at + 1_000);
  });

  promise("a power button that was pressed is told before the shutdown it led to", async (desk) => {
    const { driver, rig, spec } = desk;
    await driver.start({ ...spec, boot: rig.guest });
    await desk.hear("ready");
    const exit = await driver.stop(spec, desk.politely);
    assert.deepEqual(
      exit.events.map(({ event }) => event),
      ["POWERDOWN", "SHUTDOWN"],
    );
    assert.deepEqual(detailOf(exit, "SHUTDOWN"), { guest: true, reason: "guest-shutdown" });
  });

  promise("a guest that resets for ever does not make its record grow", async (desk) => {
    const { driver, spec } = desk;
    await driver.start(spec);
    for (let round = 0; round < 100; round++) {
      await driver.pause(spec);
      await driver.resume(spec);
    }
    await desk.rig.kill(spec);
    const exit = await ended(desk);
    assert.ok(exit.events.length <= 64, String(exit.events.length));
    assert.ok(exit.events.length >= 2);
  });
}

/**
 * In seconds: by then nobody is at the console any more. With somebody there who is slow, or just leaving,
 * QEMU 7.2 can spoil a character of its log, and with it the very words that are looked for.
 */
const unwatched = 2;

const kindOf = ({ status, reason }: Exit) => ({ status, reason });

/** The data of the first event of that name. */
function detailOf(exit: Exit, name: string) {
  const found = exit.events.find(({ event }) => event === name);
  assert.ok(found, `no ${name} in ${JSON.stringify(exit.events)}`);
  return JSON.parse(found.detail);
}

function assertInOrder({ events, at }: Exit): void {
  const times = events.map((event) => event.at);
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  );
  for (const time of times) assert.ok(Math.abs(at - time) < 600_000, "a time of this very test");
}

async function bootAndHurt(desk: Desk, way: string, inSeconds?: number): Promise<void> {
  await desk.driver.start({ ...desk.spec, boot: desk.rig.guest });
  await desk.hear("ready");
  await hurt(desk, way, inSeconds);
}

/** Resolves once the guest has begun. */
async function hurt({ driver, spec }: Desk, way: string, inSeconds?: number): Promise<void> {
  const console = await listen(driver, spec);
  console.type(`holdfast-hurt ${way} ${inSeconds ?? ""}\n`);
  await console.hear(new RegExp(`holdfast: hurt ${way}\\r?\\n`));
  console.close();
}

/** Waits for words on the console, seen from the log. */
async function until({ driver, spec, rig }: Desk, words: RegExp): Promise<void> {
  for (;;) {
    const lines = await driver.consoleLog(spec, 100);
    if (lines.some(({ text }) => words.test(text))) return;
    await rig.aMoment();
  }
}

/** However it came to be known: told as news, or found at an adoption. */
async function ended(desk: Desk, generation = 1): Promise<Exit> {
  const view = () => desk.driver.list().find((each) => each.generation === generation);
  for (;;) {
    const found = view();
    if (found?.is === "exited") return found.exit;
    await desk.rig.aMoment();
  }
}

const phaseOf = ({ driver }: Desk) => {
  const [view] = driver.list();
  return view?.is === "running" ? view.guest : "exited";
};
