/**
 * A simulated host as the contracts want it, with the world behind it for whoever wants to make misfortune.
 * Not for anything but tests: it runs on the real clock, so that waiting for something is the same as in QEMU.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@holdfast/kernel/time";
import type { HypervisorRig } from "./contract.ts";
import { wallClock } from "./fixture-host.ts";
import {
  befall,
  endMachine,
  keyOf,
  type SimulatedWorld,
  simulatedHypervisor,
  simulatedWorld,
} from "./simulated.ts";

export function simulatedRig(): HypervisorRig & { readonly world: SimulatedWorld } {
  const world = simulatedWorld({
    bootTime: milliseconds(5),
    powerOffTime: milliseconds(1),
    watchdogTime: milliseconds(20),
  });
  return {
    world,
    open: () => simulatedHypervisor(world, wallClock),
    guest: { kernel: "/simulated", initrd: "/simulated", commandLine: "" },
    unlaunchable(spec) {
      world.tempers.set(spec.id, { launch: "fails" });
      return spec;
    },
    async kill(ref) {
      endMachine(world, ref, wallClock, { status: { signal: "SIGKILL" } });
    },
    async signal(ref, name) {
      const misfortune = { SIGTERM: "terminated", SIGSEGV: "crashed", SIGABRT: "aborted" } as const;
      befall(world, ref, wallClock, misfortune[name]);
    },
    fence: async (ref) => befall(world, ref, wallClock, "fenced"),
    starve: async (ref) => befall(world, ref, wallClock, "starved"),
    async untilStopped(ref) {
      const machine = world.machines.get(keyOf(ref));
      while (machine && !machine.exit && !machine.isStoppedByWatchdog) await sleep(1);
    },
    hasKernelLog: true,
    aMoment: () => sleep(1),
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
