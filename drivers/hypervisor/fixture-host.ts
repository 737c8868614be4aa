/**
 * A place on this machine where tests may run real QEMU: a run directory, a cgroup and user ids of
 * its own, all gone when the test is over. Needs root. Not for anything but tests.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { HypervisorRig } from "./contract.ts";
import type { MachineRef } from "./driver.ts";
import { findFenceable, killFenceable, noteFenced } from "./fenceable.ts";
import { type FixtureGuest, fixtureGuest } from "./fixture-guest.ts";
import { type Paths, pathsOf } from "./incarnation.ts";
import { isAlive, type ProcessId, parseStat } from "./process.ts";
import { type QemuOptions, qemuHypervisor } from "./qemu.ts";

/** For processes that are about to end, in milliseconds. */
const patience = 20_000;

/** What takes long on purpose, such as a slow move, keeps no test that is done with it. */
export const wallClock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (wait) => sleep(wait, undefined, { ref: wait < 5_000 }),
};

export interface FixtureHost extends HypervisorRig {
  readonly guest: FixtureGuest;
  readonly options: QemuOptions;
  readonly runDir: string;
  pathsOf(ref: MachineRef): Paths;
  processOf(ref: MachineRef): ProcessId;
  /** The cgroups of a machine, one per tree of this host. */
  cgroupsOf(ref: MachineRef): readonly string[];
}

let guestOnce: Promise<FixtureGuest> | undefined;
let made = 0;

/** `cacheDir` keeps the guest between runs. */
export async function fixtureHost(t: TestContext, cacheDir?: string): Promise<FixtureHost> {
  guestOnce ??= fixtureGuest(cacheDir ?? join(tmpdir(), "holdfast-test-cache"));
  const guest = await guestOnce;
  const runDir = mkdtempSync(join(tmpdir(), "holdfast-hv-"));
  chmodSync(runDir, 0o711);
  const parent = `holdfast-test-${process.pid}-${++made}`;
  const root = "/sys/fs/cgroup";
  const trees = ["", "cpu", "memory", "pids"].map((tree) => join(root, tree, parent));
  t.after(() => {
    rmSync(runDir, { recursive: true, force: true });
    for (const tree of trees) if (existsSync(tree)) rmdirSync(tree);
  });

  const options: QemuOptions = {
    runDir,
    clock: wallClock,
    acceleration: { kind: "tcg", reason: "a test" },
    uids: { first: 910_000, count: 10 },
    cgroup: { parent, root },
    consoleLimit: 100_000,
  };
  const filesOf = (ref: MachineRef) => pathsOf(runDir, ref);
  return {
    guest,
    options,
    runDir,
    pathsOf: filesOf,
    processOf,
    cgroupsOf: ({ id, generation }) =>
      trees.map((tree) => join(tree, `${id}.g${generation}`)).filter(existsSync),
    open: () => qemuHypervisor(options),
    unlaunchable: (spec) => ({ ...spec, boot: { ...guest, kernel: "/nowhere/vmlinuz" } }),
    async kill(ref) {
      const victim = await recorded(ref);
      process.kill(victim.pid, "SIGKILL");
      while (isAlive(victim)) await sleep(1); // Condition, not time: nobody announces a zombie.
    },
    async signal(ref, name) {
      process.kill((await recorded(ref)).pid, name);
    },
    async fence({ id, generation }) {
      const find = async () =>
        (await findFenceable(runDir)).find(
          ({ ref }) => ref.id === id && ref.generation === generation,
        );
      for (let meant = await find(); meant; meant = await find()) {
        await noteFenced(meant.paths, { at: wallClock.now(), why: "lease-expired" });
        killFenceable(meant);
      }
    },
    async starve(ref) {
      const group = trees
        .map((tree) => join(tree, `${ref.id}.g${ref.generation}`))
        .find(
          (path) => existsSync(join(path, "cgroup.procs")) && /memory|cgroup\/holdfast/.test(path),
        );
      if (!group) throw new Error("this host limits no memory");
      const isV1 = group.includes("/memory/");
      const used = Number(
        readFileSync(join(group, isV1 ? "memory.usage_in_bytes" : "memory.current"), "latin1"),
      );
      const limit = join(group, isV1 ? "memory.limit_in_bytes" : "memory.max");
      writeFileSync(limit, String(used + (16 << 20)));
    },
    async untilStopped(ref) {
      const { log, exit } = filesOf(ref);
      while (!existsSync(exit) && !/\((?:watchdog|shutdown)\)$/m.test(readFileSync(log, "latin1")))
        await sleep(20);
    },
    hasKernelLog: existsSync("/dev/kmsg"),
    aMoment: () => sleep(5),
    freeze: async (ref) => void process.kill((await recorded(ref)).pid, "SIGSTOP"),
    async identity(ref) {
      const { pid, startTicks } = await recorded(ref);
      return `${pid} ${startTicks}`;
    },
    async consoleBytes(ref) {
      const { consoleLog, consoleOld, consoleSeen } = filesOf(ref);
      const files = [consoleLog, consoleOld, consoleSeen, `${consoleSeen}.1`].filter(existsSync);
      return files.reduce((sum, file) => sum + statSync(file).size, 0);
    },
    async leftovers() {
      // A shim that has written down the end of its guest is a process for a moment more.
      const end = performance.now() + patience;
      while (processesLeft().length > 0 && performance.now() < end) await sleep(50);
      return [...filesLeft(), ...cgroupsLeft(), ...processesLeft()];
    },
  };

  /** QEMU may answer before its shim has written down who it is. */
  async function recorded(ref: MachineRef): Promise<ProcessId> {
    const { pid } = filesOf(ref);
    while (!existsSync(pid) || readFileSync(pid, "latin1") === "") await sleep(1);
    return processOf(ref);
  }

  function processOf(ref: MachineRef): ProcessId {
    const found = parseStat(readFileSync(filesOf(ref).pid, "latin1"));
    if (!found) throw new Error("no process was recorded");
    return found;
  }

  function filesLeft(): readonly string[] {
    const files = readdirSync(runDir, { recursive: true, encoding: "utf8" });
    return files.filter((file) => file.includes("/") && !file.endsWith("/generation"));
  }

  function cgroupsLeft(): readonly string[] {
    const entries = trees.filter(existsSync).flatMap((tree) => {
      return readdirSync(tree, { withFileTypes: true });
    });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  function processesLeft(): readonly string[] {
    const all = execFileSync("ps", ["-eo", "stat,args"], { encoding: "utf8" }).split("\n");
    return all.filter((line) => line.includes(runDir) && !line.startsWith("Z"));
  }
}
