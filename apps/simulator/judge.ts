/**
 * Who sees all disks, and stands outside of the platform: every machine that may write to a volume signs it with its
 * token (which instance, which generation), and the disk remembers who did.
 *
 * A machine may write from its launch to its end, whether its guest is paused or not: nobody has taken its disk away.
 * One that waits for its memory may not, nor one whose storage was cut.
 */

import type { Disk } from "@holdfast/drivers/hypervisor";
import {
  isAlive,
  keyOf,
  type SimulatedMachine,
  type SimulatedWorld,
  simulatedWorld,
  WatchedMap,
} from "@holdfast/drivers/hypervisor/simulated";
import { milliseconds } from "@holdfast/kernel/time";

export interface Judge {
  worldOf(host: string): SimulatedWorld;
  /** Every machine writes now to every disk that it may write to. */
  sweep(): void;
  /** What a person has sworn about this host is theirs. */
  excuse(host: string): void;
  /** Every machine that there ever was, with its host. */
  readonly machines: readonly { readonly host: string; readonly machine: SimulatedMachine }[];
  /** What is left of machines, over all hosts. */
  left(): readonly string[];
}

export interface JudgeDeps {
  readonly hosts: readonly string[];
  readonly isCutOff: (machine: SimulatedMachine) => boolean;
  /** The host does nothing now: what stands still writes nothing, and may go on. */
  readonly isStill: (host: string) => boolean;
  readonly accuse: (what: string) => void;
  readonly tell: (who: string, what: string) => void;
}

interface Signature {
  readonly instance: string;
  readonly generation: number;
  readonly by: string;
}

export function newJudge(deps: JudgeDeps): Judge {
  const worlds = new Map<string, SimulatedWorld>();
  const machines: { host: string; machine: SimulatedMachine }[] = [];
  const excused = new Set<string>();
  /** By volume: the youngest who has written to it. */
  const signed = new Map<string, Signature>();
  for (const host of deps.hosts) {
    const entered = new WatchedMap((machine) => {
      machines.push({ host, machine });
      if (machine.exit) return; // Marked so that it never will be launched.
      deps.tell(host, `launches ${nameOf(machine)}`);
      if (isAlive(machine)) alone(host, machine, "was launched");
    });
    const times = {
      bootTime: milliseconds(500),
      powerOffTime: milliseconds(200),
      watchdogTime: milliseconds(5_000),
    };
    const world = { ...simulatedWorld(times), machines: entered };
    // One that has come from another host begins to write when it is let run, and not at its launch.
    world.attached.add((machine, happening) => {
      if (happening.what === "running") alone(host, machine, "ran");
      if (happening.what === "exited")
        deps.tell(host, `${nameOf(machine)} has ended: ${endOf(machine)}`);
    });
    worlds.set(host, world);
  }

  return {
    machines,
    worldOf(host) {
      const world = worlds.get(host);
      if (!world) throw new Error(`no host ${host}`);
      return world;
    },
    sweep() {
      for (const [host, { machines }] of worlds) {
        if (deps.isStill(host)) continue;
        for (const machine of machines.values())
          if (isAlive(machine) && machine.phase === "running") writes(host, machine);
      }
    },
    excuse: (host) => void excused.add(host),
    left: () =>
      [...worlds].flatMap(([host, { machines }]) =>
        [...machines.keys()].map((key) => `${host}: ${key}`),
      ),
  };

  function writes(host: string, machine: SimulatedMachine): void {
    const { id: instance, generation } = machine.spec;
    if (deps.isCutOff(machine)) return;
    for (const volume of volumesOf(host, machine)) {
      const last = signed.get(volume);
      const by = `${nameOf(machine)} on ${host}`;
      if (last && last.instance === instance && last.generation > generation && !isExcused(host))
        deps.accuse(`${by} writes to ${volume} after ${last.by}`);
      else signed.set(volume, { instance, generation, by });
    }
  }

  function alone(host: string, machine: SimulatedMachine, how: string): void {
    if (machine.exit || isExcused(host)) return;
    const mine = volumesOf(host, machine);
    for (const [other, { machines }] of worlds)
      for (const one of machines.values()) {
        if (one === machine || !isAlive(one) || deps.isCutOff(one)) continue;
        const shared = volumesOf(other, one).find((volume) => mine.includes(volume));
        if (shared)
          deps.accuse(
            `${nameOf(machine)} ${how} on ${host} while ${nameOf(one)} could write to ${shared} on ${other}`,
          );
      }
  }

  function isExcused(host: string): boolean {
    return excused.has(host);
  }
}

const nameOf = ({ spec }: SimulatedMachine) => `${spec.name} g${spec.generation}`;

function endOf({ exit }: SimulatedMachine): string {
  if (!exit) return "not at all";
  const { status, reason, fenced } = exit;
  const how =
    typeof status === "string"
      ? status
      : "signal" in status
        ? status.signal
        : `code ${status.code}`;
  return [how, reason, fenced && `fenced: ${fenced.why}`].filter(Boolean).join(", ");
}

/** Everything that it may write to. A file of one host is another file than that of the same name elsewhere. */
function volumesOf(host: string, machine: SimulatedMachine): readonly string[] {
  const disks: readonly Disk[] = [...machine.disks.values()].map(({ disk }) => disk);
  const all = disks.length > 0 ? disks : machine.spec.disks;
  return all.map(({ source, id }) => {
    const file = source.files[0] ?? source.doors[0] ?? `${keyOf(machine.spec)}/${id}`;
    return source.isShared ? file : `${host}:${file}`;
  });
}
