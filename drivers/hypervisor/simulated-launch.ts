/**
 * How a machine comes into a simulated world: launched once and never again, or forbidden to be launched before it ever was.
 *
 * The world remembers the youngest generation of each instance that it has seen, whatever became of it.
 */
import { type Clock, milliseconds } from "@holdfast/kernel/time";
import { type Begun, type Exit, type MachineRef, type MachineSpec, noEvidence } from "./driver.ts";
import { alreadyEnded, overtaken, stillRunning } from "./refusals.ts";
import { simulatedDisk } from "./simulated-disks.ts";
import type { Arrival, SimulatedMachine } from "./simulated-machine.ts";
import { bootMachine, endMachine, keyOf, type SimulatedWorld } from "./simulated-world.ts";

interface Entering {
  /** It waits for the memory of another. */
  readonly arrival?: Arrival;
  /** How it began, if a process stood by for it. */
  readonly takeStandby: () => Begun | undefined;
}

/** Throws as the driver's `start` does: of an instance only what is younger than anything before it is launched. */
export function launchMachine(
  world: SimulatedWorld,
  clock: Clock,
  spec: MachineSpec,
  { arrival, takeStandby }: Entering,
): SimulatedMachine {
  const youngest = world.seen.get(spec.id) ?? 0;
  if (youngest > spec.generation) throw overtaken(spec, youngest);
  if (youngest === spec.generation) throw alreadyEnded(spec);
  const older = world.machines.get(keyOf({ id: spec.id, generation: youngest }));
  if (older && !older.exit) throw stillRunning(older.spec);
  const temper = world.tempers.get(spec.id) ?? {};
  const machine = blank(
    world,
    clock,
    spec,
    arrival ? undefined : (takeStandby() ?? beginning(world, spec)),
  );
  machine.hangsAtLaunch = temper.launch === "hangs";
  machine.isFrozen = temper.isFrozen ?? false;
  machine.phase = spec.paused ? "paused" : "running";
  machine.arrival = arrival;
  enter(world, machine);
  bootMachine(world, machine, clock, "launch");
  const isLocked = !spec.disks.every((disk) => world.backing.opens(disk));
  if (temper.launch === "fails" || isLocked)
    endMachine(world, spec, clock, { status: { code: 1 } });
  return machine;
}

/** Leaves a machine that has ended without ever having been launched. */
export function forbidMachine(
  world: SimulatedWorld,
  clock: Clock,
  ref: MachineRef,
): Exit | SimulatedMachine {
  const left = { requested: true, ...noEvidence };
  const at = clock.now();
  if ((world.seen.get(ref.id) ?? 0) >= ref.generation) return { at, status: "unrecorded", ...left };
  const machine = blank(world, clock, {
    ...{ id: ref.id, generation: ref.generation, name: "", requestId: "", paused: true },
    ...{ cpus: 0, memoryMiB: 0, boot: "firmware" as const, disks: [], metadata: {} },
  });
  machine.exit = { at, status: "never-launched", ...left };
  enter(world, machine);
  return machine;
}

function blank(
  world: SimulatedWorld,
  clock: Clock,
  spec: MachineSpec,
  begun?: Begun,
): SimulatedMachine {
  return {
    spec,
    begun,
    at: clock.now(),
    pid: ++world.lastPid,
    readyAt: undefined,
    saidReady: false,
    phase: "running",
    hangsAtLaunch: false,
    isFrozen: false,
    isHung: false,
    bootedAt: clock.now(),
    bootedBy: "launch",
    stuckRequests: 0,
    disk: { completed: 0, failed: 0 },
    disks: new Map(spec.disks.map((disk) => [disk.id, simulatedDisk(world, disk, false)])),
    arrival: undefined,
    sending: undefined,
    isStill: false,
    hasLeft: false,
    onEnd: () => {},
    heldUntil: undefined,
    frozenUntil: undefined,
    wasAskedToEnd: false,
    exit: undefined,
    boots: 0,
    isStoppedByWatchdog: false,
    events: [],
    log: [],
    readers: new Set(),
  };
}

function enter(world: SimulatedWorld, machine: SimulatedMachine): void {
  const { id, generation } = machine.spec;
  world.machines.set(keyOf(machine.spec), machine);
  world.seen.set(id, Math.max(world.seen.get(id) ?? 0, generation));
}

function beginning({ templates }: SimulatedWorld, { template }: MachineSpec): Begun {
  const took = milliseconds(0);
  if (template === undefined) return { how: "cold", took };
  const is = templates.get(template);
  if (is === "whole") return { how: "warm", took };
  const why = is ? "its memory could not be read" : "its template is not there any more";
  return { how: "cold", took, why };
}
