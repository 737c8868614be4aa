/**
 * What every hypervisor promises, as tests. Run it on each implementation; see hypervisor.test.ts.
 *
 * Most of it is done to guests with nothing to boot from, which start at once and hear nothing. Only
 * what a guest itself must take part in pays for a boot.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type InstanceId, uuidV7 } from "@holdfast/kernel/ids";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import type { Hypervisor, MachineEvent, MachineRef, MachineSpec, StopLadder } from "./driver.ts";

/** One host, and the misfortunes that can befall the machines on it. */
export interface HypervisorRig {
  /** Attaches a new driver to the host, as a restarted agent would. */
  open(): Hypervisor;
  /**
   * A guest that says `holdfast: ready`, obeys its power button, feeds its watchdog, has a shell on its
   * console and in it the command `holdfast-hurt`.
   */
  readonly guest: MachineSpec["boot"];
  /** The same machine, made so that its launch must fail. */
  unlaunchable(spec: MachineSpec): MachineSpec;
  /** SIGKILL out of the blue. */
  kill(ref: MachineRef): Promise<void>;
  /** Any other signal, as if somebody at the host's keyboard had sent it. */
  signal(ref: MachineRef, name: "SIGTERM" | "SIGSEGV" | "SIGABRT"): Promise<void>;
  /** The host's guard leaves its note and kills it. */
  fence(ref: MachineRef): Promise<void>;
  /** From now on it may not take more memory than it has. */
  starve(ref: MachineRef): Promise<void>;
  /** Waits until its processors stand still or it has ended, without anybody being attached. */
  untilStopped(ref: MachineRef): Promise<void>;
  /** Whether this host lets its kernel's log be read. */
  readonly hasKernelLog: boolean;
  /** Between two looks at a condition that nobody announces. */
  aMoment(): Promise<void>;
  /** From now on it neither runs nor answers, and only SIGKILL ends it. */
  freeze(ref: MachineRef): Promise<void>;
  /** The process behind a machine. */
  identity(ref: MachineRef): Promise<string>;
  /** How many bytes the host keeps of this machine's console. */
  consoleBytes(ref: MachineRef): Promise<number>;
  /** Processes, cgroups, files: whatever exists because of machines and is not a tombstone. */
  leftovers(): Promise<readonly string[]>;
}

const none = milliseconds(0);
const atOnce: StopLadder = { acpi: none, terminate: none, kill: seconds(20) };
const politely: StopLadder = { acpi: minutes(2), terminate: seconds(20), kill: seconds(20) };

export function hypervisorContract(
  name: string,
  makeRig: (t: TestContext) => Promise<HypervisorRig>,
): void {
  const promise = promises(name, makeRig);

  promise("starting twice is starting once", async ({ rig, driver, spec }) => {
    await Promise.all([driver.start(spec), driver.start(spec)]);
    const identity = await rig.identity(spec);
    await driver.start(spec);
    assert.equal(await rig.identity(spec), identity);
    assert.equal(driver.list().length, 1);
  });

  promise("a restarted agent adopts the same process", async (desk) => {
    await desk.driver.start(desk.spec);
    const identity = await desk.rig.identity(desk.spec);
    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.ok(view?.is === "running");
    assert.equal(view.guest, "booting");
    assert.equal(await desk.rig.identity(desk.spec), identity);
    await desk.driver.start(desk.spec); // Wished for again, as an agent does after its restart.
    assert.equal(await desk.rig.identity(desk.spec), identity);
  });

  promise("a guest that ignores its power button is ended by asking the process", async (desk) => {
    await desk.driver.start(desk.spec);
    const exit = await desk.driver.stop(desk.spec, { ...politely, acpi: milliseconds(50) });
    assert.deepEqual(
      [exit.status, exit.reason, exit.requested],
      [{ code: 0 }, "host-qmp-quit", true],
    );
  });

  promise("a process that ignores everything is killed", async ({ rig, driver, spec }) => {
    await driver.start(spec);
    await rig.freeze(spec);
    const patience = milliseconds(50);
    const exit = await driver.stop(spec, {
      acpi: patience,
      terminate: patience,
      kill: seconds(20),
    });
    assert.deepEqual([exit.status, exit.requested], [{ signal: "SIGKILL" }, true]);
  });

  promise("a frozen process is adopted, told apart and killed", async (desk) => {
    await desk.driver.start(desk.spec);
    await desk.rig.freeze(desk.spec);
    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.equal(view?.is, "running");
    await assert.rejects(desk.driver.pause(desk.spec), { code: "hypervisor_silent" });
    const exit = await desk.driver.stop(desk.spec, atOnce);
    assert.deepEqual(exit.status, { signal: "SIGKILL" });
  });

  promise("stopping is repeatable and always tells the same end", async ({ driver, spec }) => {
    await driver.start(spec);
    const [first, second] = await Promise.all([
      driver.stop(spec, politely.acpi > 0 ? { ...politely, acpi: none } : politely),
      driver.stop(spec, atOnce),
    ]);
    assert.deepEqual(first, second);
    assert.deepEqual(await driver.stop(spec, atOnce), first);
  });

  promise("stopping what was never launched forbids its launch", async (desk) => {
    const exit = await desk.driver.stop(desk.spec, atOnce);
    assert.deepEqual([exit.status, exit.requested], ["never-launched", true]);
    await assert.rejects(desk.driver.start(desk.spec), { code: "already_ended" });
    await desk.restart();
    await assert.rejects(desk.driver.start(desk.spec), { code: "already_ended" });
  });

  promise("a stop during the launch wins in the end", async ({ driver, spec }) => {
    const start = driver.start(spec).catch((error) => error);
    await driver.stop(spec, atOnce);
    await start;
    assert.deepEqual(
      driver.list().map(({ is }) => is),
      ["exited"],
    );
    await assert.rejects(driver.start(spec), { code: "already_ended" });
  });

  promise(
    "an older generation is refused, a younger one waits its turn",
    async ({ driver, spec }) => {
      const [older, younger] = [
        { ...spec, generation: 1 },
        { ...spec, generation: 3 },
      ];
      await driver.start({ ...spec, generation: 2 });
      await assert.rejects(driver.start(older), { code: "overtaken" });
      await assert.rejects(driver.start(younger), { code: "still_running" });
      await driver.stop({ ...spec, generation: 2 }, atOnce);
      await driver.start(younger);
      await assert.rejects(driver.start({ ...spec, generation: 2 }), { code: "already_ended" });
    },
  );

  promise("a launch that fails says why and spends its generation", async (desk) => {
    const broken = desk.rig.unlaunchable(desk.spec);
    await assert.rejects(desk.driver.start(broken), { name: "Problem" });
    assert.deepEqual(
      desk.driver.list().map(({ is }) => is),
      ["exited"],
    );
    assert.deepEqual(desk.heard, []);
    await assert.rejects(desk.driver.start(desk.spec), { code: "already_ended" });
  });

  promise("a killed process is reported once, with its signal", async (desk) => {
    await desk.driver.start(desk.spec);
    await desk.rig.kill(desk.spec);
    const { exit } = await desk.hear("exited");
    assert.deepEqual([exit.status, exit.requested], [{ signal: "SIGKILL" }, false]);
    assert.equal(exit.reason, undefined);
    assert.deepEqual(desk.said(), ["running", "exited"]);
    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.ok(view?.is === "exited");
    assert.deepEqual(view.exit, exit);
    assert.deepEqual(desk.said(), []);
  });

  promise("an adopted machine's death is reported like any other", async (desk) => {
    await desk.driver.start(desk.spec);
    await desk.restart();
    await desk.driver.adopt();
    await desk.rig.kill(desk.spec);
    const { exit } = await desk.hear("exited");
    assert.deepEqual([exit.status, exit.requested], [{ signal: "SIGKILL" }, false]);
  });

  promise("a death while nobody was attached is found at the adoption", async (desk) => {
    await desk.driver.start(desk.spec);
    await desk.driver.close();
    await desk.rig.kill(desk.spec);
    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.ok(view?.is === "exited");
    assert.deepEqual([view.exit.status, view.exit.requested], [{ signal: "SIGKILL" }, false]);
  });

  promise("a machine can be created paused, resumed, paused and reset", async (desk) => {
    const { driver, spec } = desk;
    await driver.start({ ...spec, paused: true });
    assert.equal(phaseOf(driver), "paused");
    await driver.resume(spec);
    assert.equal(phaseOf(driver), "booting");
    await driver.pause(spec);
    await driver.pause(spec);
    await desk.restart();
    await driver.close();
    await desk.driver.adopt();
    assert.equal(phaseOf(desk.driver), "paused");
    await desk.driver.resume(spec);
    await desk.driver.reset(spec, none);
    const { by } = await desk.hear("reset");
    assert.equal(by, "host-qmp-system-reset");
    assert.deepEqual(desk.said(), ["resumed", "reset"]);
  });

  promise("a guest is switched off and on again in one and the same process", async (desk) => {
    const { driver, rig } = desk;
    const spec = { ...desk.spec, boot: rig.guest };
    await driver.start(spec);
    await desk.hear("ready");
    const identity = await rig.identity(spec);
    await driver.reset(spec, minutes(1));
    await desk.hear("reset");
    await desk.hear("ready", 2);
    assert.equal(await rig.identity(spec), identity);
    assert.ok(!desk.said().includes("paused"), "nobody paused it");
    const exit = await driver.stop(spec, politely);
    assert.equal(exit.reason, "guest-shutdown");
  });

  promise("what does not run cannot be told anything", async ({ driver, spec }) => {
    const refusal = { code: "not_running", kind: "conflict" };
    const tellAll = async () => {
      await assert.rejects(driver.reset(spec, none), refusal);
      for (const verb of ["pause", "resume", "console"] as const)
        await assert.rejects(driver[verb](spec), refusal);
    };
    await tellAll();
    await driver.start(spec);
    await driver.stop(spec, atOnce);
    await tellAll();
    assert.deepEqual(await driver.consoleLog({ ...spec, generation: 9 }, 10), []);
  });

  promise("what is forgotten can still never be started again", async (desk) => {
    const second = { ...desk.spec, generation: 2 };
    await desk.driver.start(second);
    await assert.rejects(desk.driver.forget(second), { code: "still_running" });
    await desk.driver.stop(second, atOnce);
    await desk.driver.forget(second);
    await desk.driver.forget(second);
    assert.deepEqual(desk.driver.list(), []);
    await desk.restart();
    await assert.rejects(desk.driver.start(second), { code: "already_ended" });
    await assert.rejects(desk.driver.start(desk.spec), { code: "overtaken" });
    assert.equal((await desk.driver.stop(second, atOnce)).status, "unrecorded");
    await desk.driver.start({ ...desk.spec, generation: 3 });
  });

  promise("a guest's whole life is heard, from its ready to its power-off", async (desk) => {
    const { spec } = desk;
    const booted = { ...spec, boot: desk.rig.guest };
    await desk.driver.start(booted);
    await desk.hear("ready");
    assert.equal(phaseOf(desk.driver), "up");

    await desk.restart();
    const [view] = await desk.driver.adopt();
    assert.ok(view?.is === "running" && view.guest === "up", "ready is known from the log");

    const [first, second] = [await listen(desk.driver, spec), await listen(desk.driver, spec)];
    first.type("echo hel''lo\n");
    await Promise.all([first.hear(/^hello\r\n/m), second.hear(/^hello\r\n/m)]);
    first.close();
    second.type("echo ag''ain\n");
    await second.hear(/^again/m);
    assert.doesNotMatch(first.text(), /^again/m);

    const lines = await desk.driver.consoleLog(spec, 1_000);
    assert.ok(lines.some(({ text }) => text === "holdfast: ready"));
    assert.ok(
      lines.some(({ text }) => text === "hello"),
      JSON.stringify(lines),
    );
    const times = lines.map(({ at }) => at);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal((await desk.driver.consoleLog(spec, 1)).length, 1);

    second.type("reboot -f\n");
    await desk.hear("ready");
    assert.deepEqual(desk.said(), ["reset", "ready"], "one reboot is one reset");

    second.type("poweroff -f\n");
    const { exit } = await desk.hear("exited");
    await second.closed;
    assert.deepEqual(
      [exit.status, exit.reason, exit.requested, exit.oomKills],
      [{ code: 0 }, "guest-shutdown", false, 0],
    );
    assert.ok(exit.consoleTail.some((line) => line.includes("poweroff -f")));
    assert.ok(exit.hypervisorLog.some((line) => line.includes(spec.requestId)));
    const kept = await desk.driver.consoleLog(spec, 1_000);
    assert.ok(kept.some(({ text }) => text.includes("poweroff -f")));
  });

  promise("the power button reaches a guest that is still booting", async (desk) => {
    await desk.driver.start({ ...desk.spec, boot: desk.rig.guest });
    const exit = await desk.driver.stop(desk.spec, politely);
    assert.deepEqual(
      [exit.status, exit.reason, exit.requested],
      [{ code: 0 }, "guest-shutdown", true],
    );
  });

  promise("a guest that floods its console costs no more than the limit", async (desk) => {
    await desk.driver.start({ ...desk.spec, boot: desk.rig.guest });
    await desk.hear("ready");
    const console = await listen(desk.driver, desk.spec);
    console.type("yes 0123456789012345678901234567890123456789\n");
    while (console.bytes() < 600_000) await console.more();
    assert.ok((await desk.rig.consoleBytes(desk.spec)) < 400_000);
    const lines = await desk.driver.consoleLog(desk.spec, 50);
    assert.equal(lines.length, 50);
    assert.equal(phaseOf(desk.driver), "up");
    await desk.driver.stop(desk.spec, atOnce);
  });
}

/** A test with a host of its own, on which nothing may be left in the end. */
export function promises(name: string, makeRig: (t: TestContext) => Promise<HypervisorRig>) {
  return (what: string, body: (desk: Desk) => Promise<void>) =>
    void test(`${name}: ${what}`, async (t) => {
      const desk = deskOf(await makeRig(t));
      try {
        await body(desk);
      } finally {
        await desk.clear();
      }
      assert.deepEqual(await desk.rig.leftovers(), [], "something was left behind");
    });
}

export type Desk = ReturnType<typeof deskOf>;
type Told<W> = Extract<MachineEvent, { what: W }>;

/** A driver on a host, with an ear to it, and a machine to begin with. */
export function deskOf(rig: HypervisorRig) {
  let driver = open();
  let heard: MachineEvent[] = [];
  let wake = () => {};
  return {
    rig,
    politely,
    get driver() {
      return driver;
    },
    get heard() {
      return heard;
    },
    spec: specOf(),
    said: () => heard.map(({ what }) => what),
    /** Waits until it has been heard so many times since the last restart. */
    async hear<W extends MachineEvent["what"]>(what: W, times = 1): Promise<Told<W>> {
      for (;;) {
        const found = heard.filter((event): event is Told<W> => event.what === what)[times - 1];
        if (found) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async restart() {
      await driver.close();
      heard = [];
      driver = open();
    },
    /** Ends and forgets everything. */
    async clear() {
      await driver.adopt();
      for (const view of driver.list()) {
        if (view.is !== "exited") await driver.stop(view, atOnce);
        await driver.forget(view);
      }
      await driver.close();
    },
  };

  function open(): Hypervisor {
    const opened = rig.open();
    opened.onEvent((event) => {
      if (opened === driver) heard.push(event);
      wake();
    });
    return opened;
  }
}

let minted = 0;

/** A machine with nothing to boot from. */
export function specOf(): MachineSpec {
  return {
    id: uuidV7(Date.now(), new Uint8Array(16).fill(++minted)) as InstanceId, // Its own maker's word.
    generation: 1,
    name: "web, the first",
    cpus: 1,
    memoryMiB: 128,
    boot: "firmware",
    disks: [],
    metadata: { "user-data": "#!/bin/sh\n", empty: "" },
    paused: false,
    requestId: `req-${minted}`,
  };
}

function phaseOf(driver: Hypervisor): string {
  const [view] = driver.list();
  return view?.is === "running" ? view.guest : "exited";
}

/** Sits down at a console and waits for words to appear. */
export async function listen(driver: Hypervisor, ref: MachineRef) {
  const console = await driver.console(ref);
  let text = "";
  let bytes = 0;
  let wake = () => {};
  console.onData((data) => {
    bytes += data.length;
    text = (text + Buffer.from(data).toString("latin1")).slice(-65_536);
    wake();
  });
  const closed = new Promise<void>((resolve) => console.onClose(resolve));
  const more = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return {
    text: () => text,
    bytes: () => bytes,
    more,
    closed,
    type: (line: string) => console.write(Buffer.from(line)),
    close: () => console.close(),
    async hear(words: RegExp) {
      while (!words.test(text)) await more();
    },
  };
}
