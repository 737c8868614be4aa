/**
 * Simulated hosts whose launches are checked at the moment they happen, over all hosts together: what must
 * never be true for a moment cannot be found by looking now and then.
 */
import {
  isAlive,
  type SimulatedMachine,
  type SimulatedWorld,
  simulatedWorld,
  WatchedMap,
} from "@holdfast/drivers/hypervisor/simulated";
import type { InstanceId } from "@holdfast/kernel/ids";
import { milliseconds } from "@holdfast/kernel/time";

export interface Watch {
  newWorld(host: string): SimulatedWorld;
  /** Every rule that was broken, in words. */
  readonly violations: readonly string[];
  /** How many machines were launched. */
  launches(): number;
  /** The host and generation of the one running machine of an instance. */
  running(id: string): readonly { readonly host: string; readonly generation: number }[];
  /** Traces of machines that are left, over all hosts. */
  left(): readonly string[];
}

export function watchedWorld(): Watch {
  const violations: string[] = [];
  const youngest = new Map<InstanceId, number>();
  const worlds = new Map<string, SimulatedWorld>();
  let launches = 0;

  return {
    violations,
    newWorld(host) {
      const times = { bootTime: milliseconds(50), powerOffTime: milliseconds(40) };
      const machines = new WatchedMap((machine) => check(host, machine));
      const world = { ...simulatedWorld(times), machines };
      // One that has come from another host runs when it is let run, and not from its launch.
      world.attached.add((machine, { what }) => what === "running" && alone(host, machine, "run"));
      worlds.set(host, world);
      return world;
    },
    launches: () => launches,
    running,
    left: () =>
      [...worlds].flatMap(([host, { machines }]) =>
        [...machines.keys()].map((k) => `${host}: ${k}`),
      ),
  };

  function check(host: string, machine: SimulatedMachine): void {
    const { spec, exit } = machine;
    const { id, generation } = spec;
    if (exit) return; // Marked so that it never will be launched.
    launches++;
    const name = `${id} generation ${generation} on ${host}`;
    const before = youngest.get(id) ?? 0;
    if (generation === before) violations.push(`${name} was launched twice`);
    if (generation < before) violations.push(`${name} was launched after generation ${before}`);
    youngest.set(id, Math.max(before, generation));
    if (isAlive(machine)) alone(host, machine, "launched");
  }

  function alone(host: string, { spec: { id, generation } }: SimulatedMachine, how: string): void {
    const others = running(id).filter(
      (other) => other.host !== host || other.generation !== generation,
    );
    for (const other of others)
      violations.push(
        `${id} generation ${generation} on ${host} was ${how} while ${other.generation} ran on ${other.host}`,
      );
  }

  function running(id: string) {
    return [...worlds].flatMap(([host, { machines }]) =>
      [...machines.values()]
        .filter((machine) => machine.spec.id === id && isAlive(machine))
        .map(({ spec: { generation } }) => ({ host, generation })),
    );
  }
}
