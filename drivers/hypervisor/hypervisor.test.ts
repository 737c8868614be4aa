/** The contract, on the simulated hypervisor and on real QEMU. */
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
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, type Instant, milliseconds } from "@holdfast/kernel/time";
import { type HypervisorRig, hypervisorContract } from "./contract.ts";
import { fixtureGuest } from "./fixture-guest.ts";
import { pathsOf } from "./incarnation.ts";
import { isAlive, parseStat } from "./process.ts";
import { qemuHypervisor } from "./qemu.ts";
import { endMachine, keyOf, simulatedHypervisor, simulatedWorld } from "./simulated.ts";

const wallClock: Clock = { now: () => Date.now() as Instant, sleep: (wait) => sleep(wait) };

hypervisorContract("simulated", async () => simulatedRig());
hypervisorContract("qemu", qemuRig);

function simulatedRig(): HypervisorRig {
  const world = simulatedWorld({ bootTime: milliseconds(5), powerOffTime: milliseconds(1) });
  return {
    open: () => simulatedHypervisor(world, wallClock),
    guest: { kernel: "/simulated", initrd: "/simulated", commandLine: "" },
    unlaunchable(spec) {
      world.tempers.set(spec.id, { launch: "fails" });
      return spec;
    },
    async kill(ref) {
      endMachine(world, ref, wallClock, { status: { signal: "SIGKILL" } });
    },
    async freeze(ref) {
      const machine = world.machines.get(keyOf(ref));
      if (machine) machine.isFrozen = true;
    },
    identity: async (ref) => String(world.machines.get(keyOf(ref))?.pid),
    consoleBytes: async (ref) =>
      (world.machines.get(keyOf(ref))?.log ?? []).reduce((sum, { text }) => sum + text.length, 0),
    leftovers: async () => [...world.machines.keys(), ...[...world.attached].map(() => "a driver")],
  };
}

let guestOnce: ReturnType<typeof fixtureGuest> | undefined;

async function qemuRig(t: TestContext): Promise<HypervisorRig> {
  guestOnce ??= fixtureGuest(
    process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache"),
  );
  const guest = await guestOnce;
  const runDir = mkdtempSync(join(tmpdir(), "hf-"));
  chmodSync(runDir, 0o711);
  const parent = `holdfast-test-${process.pid}-${runDir.slice(-6)}`;
  const trees = ["", "cpu", "memory", "pids"].map((tree) => join("/sys/fs/cgroup", tree, parent));
  t.after(() => {
    rmSync(runDir, { recursive: true, force: true });
    for (const tree of trees) if (existsSync(tree)) rmdirSync(tree);
  });
  const processOf = (ref: Parameters<HypervisorRig["kill"]>[0]) => {
    const found = parseStat(readFileSync(pathsOf(runDir, ref).pid, "latin1"));
    if (!found) throw new Error("no process was recorded");
    return found;
  };
  return {
    guest,
    open: () =>
      qemuHypervisor({
        runDir,
        clock: wallClock,
        acceleration: { kind: "tcg", reason: "a test" },
        uids: { first: 910_000, count: 10 },
        cgroup: { parent, root: "/sys/fs/cgroup" },
        consoleLimit: 100_000,
      }),
    unlaunchable: (spec) => ({ ...spec, boot: { ...guest, kernel: "/nowhere/vmlinuz" } }),
    async kill(ref) {
      const victim = processOf(ref);
      process.kill(victim.pid, "SIGKILL");
      while (isAlive(victim)) await sleep(1);
    },
    freeze: async (ref) => void process.kill(processOf(ref).pid, "SIGSTOP"),
    identity: async (ref) => `${processOf(ref).pid} ${processOf(ref).startTicks}`,
    async consoleBytes(ref) {
      const { consoleLog, consoleOld, consoleSeen } = pathsOf(runDir, ref);
      const files = [consoleLog, consoleOld, consoleSeen, `${consoleSeen}.1`].filter(existsSync);
      return files.reduce((sum, file) => sum + statSync(file).size, 0);
    },
    async leftovers() {
      const files = readdirSync(runDir, { recursive: true, encoding: "utf8" });
      const cgroups = trees
        .filter(existsSync)
        .flatMap((tree) =>
          readdirSync(tree, { withFileTypes: true }).filter((entry) => entry.isDirectory()),
        );
      const processes = execFileSync("ps", ["-eo", "stat,args"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line.includes(runDir) && !line.startsWith("Z"));
      return [
        ...files.filter((file) => file.includes("/") && !file.endsWith("/generation")),
        ...cgroups.map(({ name }) => name),
        ...processes,
      ];
    },
  };
}
