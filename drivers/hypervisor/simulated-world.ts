/**
 * The simulated host: what stays when the agent goes. Tests and the simulator reach into it to make
 * misfortune; the driver in simulated.ts only acts on it.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import {
  after,
  type Clock,
  type Duration,
  type Instant,
  milliseconds,
  seconds,
} from "@holdfast/kernel/time";
import {
  type Disk,
  type Exit,
  type MachineEvent,
  type MachineRef,
  type MachineSpec,
  mostEvents,
  noEvidence,
  type TemplateSpec,
} from "./driver.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";

const keptLines = 200;

/** What may be wrong with the machines of one instance. */
export interface Temper {
  /** The guest does not react to its power button. */
  readonly isDeaf?: boolean;
  /** The guest does not let go of its disks. */
  readonly keepsDisks?: boolean;
  /** QEMU ignores QMP and SIGTERM. */
  readonly isFrozen?: boolean;
  /** Not even SIGKILL ends it, as when a process waits for a dead disk. */
  readonly isUndying?: boolean;
  /** How fast the guest changes its memory; it does not, if absent. */
  readonly dirtyBytesPerSecond?: number;
  /** `fails`: QEMU ends at once. `hangs`: it never says that it runs. */
  readonly launch?: "works" | "fails" | "hangs";
}

export interface SimulatedWorld {
  readonly machines: Map<string, SimulatedMachine>;
  /** The highest generation ever seen, which outlives the machines. */
  readonly seen: Map<InstanceId, number>;
  readonly tempers: Map<InstanceId, Temper>;
  /** From the launch until the guest says that it is ready. */
  bootTime: Duration;
  /** The same of one that is started from a template. */
  warmTime: Duration;
  /** What is in the directories of templates. */
  readonly templates: Map<string, "whole" | "spoilt">;
  /** Whether a guest that is to be a template ever says that it waits. */
  waitsForItsName(spec: TemplateSpec): boolean;
  /** Whether it can be in a process that is on standby. */
  readsItsRom(spec: TemplateSpec): boolean;
  /** From the power button until the process is gone. */
  powerOffTime: Duration;
  /** From a guest's standstill until its watchdog stops it. */
  watchdogTime: Duration;
  /** What a migration sends, in bytes each second. */
  wireSpeed: number;
  /** The last step of a migration, in which the guest stands still. */
  switchTime: Duration;
  /** How much of a disk has anything in it: from 0 to 1. */
  diskUse: number;
  /** Whether a machine may be let run here before its memory is here; a reason if not. */
  postcopy: true | string;
  lastPid: number;
  /** Whether there is an agent in a guest that holds its file systems still. */
  hasGuestAgent(spec: MachineSpec): boolean;
  /** What the disks are kept in. */
  backing: DiskBacking;
  /** Whether there is no room where a backup's file is. */
  isFull(file: string): boolean;
  /** Whoever is attached hears of everything that happens. */
  readonly attached: Set<(machine: SimulatedMachine, what: Happening) => void>;
}

/** The storage below the disks: what is done to a disk is done there as well. */
export interface DiskBacking {
  /** Whether the key that it has is the one that it takes; none for one that is plain. */
  opens(disk: Disk): boolean;
  /** If somebody knows; a gibibyte otherwise. */
  sizeOf(disk: Disk): number | undefined;
  grow(disk: Disk, bytes: number): void;
  snapshot(disk: Disk, name: string, at: Instant): void;
  removeSnapshot(disk: Disk, name: string): void;
}

export const noBacking: DiskBacking = {
  opens: () => true,
  sizeOf: () => undefined,
  grow() {},
  snapshot() {},
  removeSnapshot() {},
};

/** A MachineEvent without the machine. */
type Without<T, K> = T extends unknown ? Omit<T, Extract<keyof T, K>> : never;
export type Happening = Without<MachineEvent, keyof MachineRef>;

export const keyOf = ({ id, generation }: MachineRef) => `${id}.g${generation}`;

/** Whether its guest can do anything in the world at this moment, or could if it were not paused. */
export const isAlive = ({ exit, arrival, isStill, hasLeft }: SimulatedMachine) =>
  !exit && !arrival && !isStill && !hasLeft;

export const simulatedWorld = (
  times: Partial<Pick<SimulatedWorld, "bootTime" | "powerOffTime" | "watchdogTime">> = {},
): SimulatedWorld => ({
  machines: new Map(),
  seen: new Map(),
  tempers: new Map(),
  bootTime: times.bootTime ?? milliseconds(0),
  warmTime: milliseconds(0),
  templates: new Map(),
  waitsForItsName: () => true,
  readsItsRom: () => true,
  powerOffTime: times.powerOffTime ?? milliseconds(0),
  watchdogTime: times.watchdogTime ?? seconds(10),
  wireSpeed: 2 ** 30,
  switchTime: milliseconds(0),
  diskUse: 0.1,
  postcopy: true,
  lastPid: 0,
  hasGuestAgent: () => false,
  backing: noBacking,
  isFull: () => false,
  attached: new Set(),
});

/** What is left of an ending besides what the machine's own life has left. */
export type Ending = Pick<Exit, "status" | "reason"> &
  Partial<Pick<Exit, "oomKills" | "kernelLog" | "signalledBy" | "fenced" | "hypervisorLog">>;

/** Something ends a simulated machine without anybody's asking: a crash, a kill, the guest itself. */
export function endMachine(
  world: SimulatedWorld,
  ref: MachineRef,
  clock: Clock,
  how: Ending,
): void {
  const machine = world.machines.get(keyOf(ref));
  if (!machine || machine.exit) return;
  const { reason, hypervisorLog = [] } = how;
  if (reason?.startsWith("guest-") || reason?.startsWith("host-"))
    note(machine, clock, "SHUTDOWN", { guest: reason.startsWith("guest-"), reason });
  machine.exit = {
    ...noEvidence,
    at: clock.now(),
    ...how,
    ...(machine.hasLeft ? { reason: "migrated" } : {}),
    ...(machine.arrival ? { neverRan: true as const } : {}),
    requested: machine.wasAskedToEnd,
    hypervisorLog: [`simulated: request=${machine.spec.requestId}`, ...hypervisorLog],
    consoleTail: machine.log.slice(-20).map(({ text }) => text),
    events: machine.events,
    watchdogFired: machine.events.some(({ event }) => event === "WATCHDOG"),
  };
  happen(world, machine, { what: "exited", exit: machine.exit });
  machine.onEnd();
}

/** Keeps something for the story of a machine's life, in QMP's words. */
export function note(
  machine: SimulatedMachine,
  clock: Clock,
  event: string,
  data?: Readonly<Record<string, unknown>>,
): void {
  const told = { at: clock.now(), event, detail: data ? JSON.stringify(data) : "" };
  machine.events = [...machine.events, told].slice(-mostEvents);
}

/** Firmware with no disk to boot from waits for ever, as the real one does. */
export function bootMachine(
  world: SimulatedWorld,
  machine: SimulatedMachine,
  clock: Clock,
  by: string,
): void {
  const { boot, disks } = machine.spec;
  const canBoot = boot !== "firmware" || disks.length > 0;
  machine.boots++;
  machine.isHung = false;
  machine.bootedAt = clock.now();
  machine.bootedBy = by;
  machine.saidReady = false;
  const isWarm = by === "launch" && machine.begun?.how === "warm";
  const takes = isWarm ? world.warmTime : world.bootTime;
  machine.readyAt = canBoot ? after(clock.now(), takes) : undefined;
}

/** Begun anew in the same process. */
export function resetMachine(
  world: SimulatedWorld,
  machine: SimulatedMachine,
  clock: Clock,
  by: string,
): void {
  note(machine, clock, "RESET", { guest: by.startsWith("guest-"), reason: by });
  bootMachine(world, machine, clock, by);
  happen(world, machine, { what: "reset", by });
}

/** The guest writes a line on its serial console. */
export function say(machine: SimulatedMachine, clock: Clock, text: string): void {
  machine.log.push({ at: clock.now(), text });
  if (machine.log.length > keptLines) machine.log.splice(0, machine.log.length - keptLines);
  for (const read of machine.readers) read(text);
}

/** Tells whoever is attached. */
export function happen(world: SimulatedWorld, machine: SimulatedMachine, what: Happening): void {
  for (const hear of world.attached) hear(machine, what);
}

/** Tells of every machine that enters: what must never be true for a moment is not found by looking now and then. */
export class WatchedMap extends Map<string, SimulatedMachine> {
  readonly #onEnter: (machine: SimulatedMachine) => void;
  constructor(onEnter: (machine: SimulatedMachine) => void) {
    super();
    this.#onEnter = onEnter;
  }
  override set(key: string, machine: SimulatedMachine): this {
    super.set(key, machine);
    this.#onEnter(machine);
    return this;
  }
}
