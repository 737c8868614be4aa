/** How a simulated machine looks from outside. Asked all the time, of hosts with hundreds: nothing is made that is not needed. */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { MachineView } from "./driver.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import { keyOf, type SimulatedWorld } from "./simulated-world.ts";

/** All generations of an instance that the world still knows, the oldest first. */
export function machinesOf(world: SimulatedWorld, id: InstanceId): readonly SimulatedMachine[] {
  const found: SimulatedMachine[] = [];
  const youngest = world.seen.get(id) ?? 0;
  for (let generation = 1; generation <= youngest; generation++) {
    const machine = world.machines.get(keyOf({ id, generation }));
    if (machine) found.push(machine);
  }
  return found;
}

export const isUp = ({ readyAt, phase, exit }: SimulatedMachine, now: Instant) =>
  !exit && phase === "running" && readyAt !== undefined && readyAt <= now;

export function viewOf(machine: SimulatedMachine, now: Instant): MachineView {
  const { spec, exit, at, phase, arrival, hasLeft } = machine;
  const { id, generation } = spec;
  if (exit) return { id, generation, is: "exited", exit };
  if (arrival) return { id, generation, is: "incoming", since: at, hasArrived: arrival.hasArrived };
  const guest = phase === "running" ? (isUp(machine, now) ? "up" : "booting") : phase;
  const { begun } = machine;
  // What is seldom there is added where it is.
  if (hasLeft)
    return {
      id,
      generation,
      is: "running",
      guest,
      since: at,
      hasLeft,
      ...(begun ? { begun } : {}),
    };
  return begun
    ? { id, generation, is: "running", guest, since: at, begun }
    : { id, generation, is: "running", guest, since: at };
}
