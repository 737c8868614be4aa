/**
 * The simulated host: what stays when the agent goes. Tests and the simulator reach into it to make
 * misfortune; the driver in simulated.ts only acts on it.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Clock, type Duration, type Instant, milliseconds } from "@holdfast/kernel/time";
import type {
  ConsoleLine,
  Exit,
  GuestPhase,
  MachineEvent,
  MachineRef,
  MachineSpec,
} from "./driver.ts";

/** What may be wrong with the machines of one instance. */
export interface Temper {
  /** The guest does not react to its power button. */
  readonly isDeaf?: boolean;
  /** QEMU ignores QMP and SIGTERM. */
  readonly isFrozen?: boolean;
  /** Not even SIGKILL ends it, as when a process waits for a dead disk. */
  readonly isUndying?: boolean;
  /** `fails`: QEMU ends at once. `hangs`: it never says that it runs. */
  readonly launch?: "works" | "fails" | "hangs";
}

export interface SimulatedMachine {
  readonly spec: MachineSpec;
  readonly at: Instant;
  /** A made-up process id: the same before and after an adoption. */
  readonly pid: number;
  /** When the guest is up; undefined if it never will be. */
  readyAt: Instant | undefined;
  saidReady: boolean;
  phase: "running" | Exclude<GuestPhase, "booting" | "up">;
  hangsAtLaunch: boolean;
  isFrozen: boolean;
  wasAskedToEnd: boolean;
  exit: Exit | undefined;
  /** Counts its boots: a ready that was planned in an earlier one is void. */
  boots: number;
  log: ConsoleLine[];
}

export interface SimulatedWorld {
  readonly machines: Map<string, SimulatedMachine>;
  /** The highest generation ever seen, which outlives the machines. */
  readonly seen: Map<InstanceId, number>;
  readonly tempers: Map<InstanceId, Temper>;
  /** From the launch until the guest says that it is ready. */
  bootTime: Duration;
  /** From the power button until the process is gone. */
  powerOffTime: Duration;
  lastPid: number;
  /** Whoever is attached hears of everything that happens. */
  readonly attached: Set<(machine: SimulatedMachine, what: Happening) => void>;
}

/** A MachineEvent without the machine. */
type Without<T, K> = T extends unknown ? Omit<T, Extract<keyof T, K>> : never;
export type Happening = Without<MachineEvent, keyof MachineRef>;

export const keyOf = ({ id, generation }: MachineRef) => `${id}.g${generation}`;

export const simulatedWorld = (
  times: { readonly bootTime?: Duration; readonly powerOffTime?: Duration } = {},
): SimulatedWorld => ({
  machines: new Map(),
  seen: new Map(),
  tempers: new Map(),
  bootTime: times.bootTime ?? milliseconds(0),
  powerOffTime: times.powerOffTime ?? milliseconds(0),
  lastPid: 0,
  attached: new Set(),
});

/** Something ends a simulated machine without anybody's asking: a crash, a kill, the guest itself. */
export function endMachine(
  world: SimulatedWorld,
  ref: MachineRef,
  clock: Clock,
  how: { readonly status: Exit["status"]; readonly reason?: string; readonly oomKills?: number },
): void {
  const machine = world.machines.get(keyOf(ref));
  if (!machine || machine.exit) return;
  machine.exit = {
    at: clock.now(),
    ...how,
    requested: machine.wasAskedToEnd,
    hypervisorLog: [`simulated: request=${machine.spec.requestId}`],
    consoleTail: machine.log.slice(-20).map(({ text }) => text),
    oomKills: how.oomKills ?? 0,
  };
  happen(world, machine, { what: "exited", exit: machine.exit });
}

/** Tells whoever is attached. */
export function happen(world: SimulatedWorld, machine: SimulatedMachine, what: Happening): void {
  for (const hear of world.attached) hear(machine, what);
}
