/**
 * Who sees everything: all machines of all hosts at the moment they are launched, and the whole database
 * many times a second. What must never be true for a moment is found here and nowhere else.
 *
 * It compares what the platform believes with what is, which no part of the platform can. What the rows alone
 * must obey it leaves to the rules that every platform is watched by.
 */
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import {
  isAlive,
  type SimulatedMachine,
  type SimulatedWorld,
  simulatedWorld,
  WatchedMap,
} from "@holdfast/drivers/hypervisor/simulated";
import { milliseconds } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { wallClock } from "../../platform.ts";

export interface Oracle {
  worldOf(host: string): SimulatedWorld;
  /** Begin to look. */
  open(): void;
  /** Everything that must never be true and was, in words. */
  readonly violations: readonly string[];
  /** A person has sworn that this host is off: what comes of it is theirs. */
  excuse(host: string): void;
  /** One look now. */
  look(): Promise<void>;
  /** Every machine that there ever was. */
  readonly machines: readonly SimulatedMachine[];
  /** What is left of machines and claims, over all hosts. */
  left(): readonly string[];
  close(): Promise<void>;
}

const every = 250;

/** `isCutOff`: the storage itself keeps this one from its volume, so that it can write no more. */
export function watchWorlds(
  names: readonly string[],
  database: Database,
  isCutOff: (machine: SimulatedMachine) => boolean,
): Oracle {
  const violations: string[] = [];
  const known: SimulatedMachine[] = [];
  const excused = new Set<string>();
  const worlds = new Map<string, SimulatedWorld>();
  const certificates = new Set<string>();
  // Managers come and go in these stories: what is late is for the stories to say.
  const monitor = openMonitor(database, { now: wallClock.now, awakeSince: () => undefined });
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  for (const name of names) {
    const machines = new WatchedMap((machine) => launched(name, machine));
    const times = {
      bootTime: milliseconds(20),
      powerOffTime: milliseconds(20),
      watchdogTime: milliseconds(5_000),
    };
    const world = { ...simulatedWorld(times), machines };
    // One that has come from another host begins to write when it is let run, and not at its launch.
    world.attached.add((machine, { what }) => what === "running" && writes(name, machine, "ran"));
    worlds.set(name, world);
  }
  return {
    violations,
    machines: known,
    worldOf(host) {
      const world = worlds.get(host);
      if (!world) throw new Error(`no host ${host}`);
      return world;
    },
    open() {
      timer = setInterval(() => {
        looking ??= look()
          .catch(() => {}) // The database may be what is broken.
          .finally(() => {
            looking = undefined;
          });
      }, every);
    },
    excuse: (host) => void excused.add(host),
    look,
    left: () =>
      [...worlds].flatMap(([host, { machines }]) =>
        [...machines.keys()].map((key) => `${host}: ${key}`),
      ),
    async close() {
      clearInterval(timer);
      await looking;
    },
  };

  /** A machine may write from its launch to its end, whether it is frozen or not; one that waits may not. */
  function launched(host: string, machine: SimulatedMachine): void {
    known.push(machine);
    if (isAlive(machine)) writes(host, machine, "was launched");
  }

  function writes(host: string, machine: SimulatedMachine, how: "ran" | "was launched"): void {
    if (machine.exit || excused.size > 0) return;
    const volume = volumeOf(host, machine);
    for (const [other, { machines }] of worlds)
      for (const one of machines.values())
        if (one !== machine && isAlive(one) && !isCutOff(one) && volumeOf(other, one) === volume)
          say(
            `${nameOf(machine)} ${how} on ${host} while ${nameOf(one)} could write to its volume on ${other}`,
          );
  }

  async function look(): Promise<void> {
    for (const { rule, name, says } of await monitor.look()) say(`${name}: ${says} (${rule})`);
    for (const row of await readCertificates(database)) {
      // What a certificate rests on is a rule; what it says of machines, only who sees them can judge.
      if (certificates.has(row.id)) continue;
      certificates.add(row.id);
      if (row.proof === "attested") continue; // That is the word of a person, who may be wrong.
      for (const machine of worlds.get(row.host)?.machines.values() ?? []) {
        const { spec, at, exit } = machine;
        const counts = spec.isFenceable || row.covers === "everything";
        if (!exit && !isCutOff(machine) && at < row.silentSince && counts)
          say(
            `${row.host} was proven dead by ${row.proof} while ${spec.name} g${spec.generation} could write there`,
          );
      }
    }
  }

  function say(violation: string): void {
    if (!violations.includes(violation)) violations.push(violation);
  }
}

const nameOf = ({ spec }: SimulatedMachine) => `${spec.name} g${spec.generation}`;

function volumeOf(host: string, { spec: { id, disks } }: SimulatedMachine): string {
  const source = disks[0]?.source;
  const file = source?.files[0] ?? source?.doors[0] ?? id;
  return source?.isShared ? file : `${host}:${file}`;
}

const readCertificates = (database: Database) =>
  database.query<{
    id: string;
    host: string;
    proof: string;
    covers: string;
    silentSince: number;
  }>(
    `select f.id, h.name as host, f.proof, f.covers, f.silent_since as "silentSince"
     from fence_certificate f join host h on h.id = f.host_id`,
  );
