/**
 * Who sees everything: all machines of all hosts at the moment they are launched, and the whole database
 * many times a second. What must never be true for a moment is found here and nowhere else.
 *
 * It compares what the platform believes with what is, which no part of the platform can.
 */
import {
  isAlive,
  type SimulatedMachine,
  type SimulatedWorld,
  simulatedWorld,
} from "@holdfast/drivers/hypervisor/simulated";
import { milliseconds } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { JournalEntry } from "@holdfast/store/journal";
import { foldJournal } from "../../fold-journal.ts";
import { WatchedMap } from "../../watched-world.ts";

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
/** The lease, the watchdog and a second: before that it may not have fired. Production's settings; milliseconds. */
const watchdogBound = 16_000;

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
    for (const row of await readInstances(database)) {
      const about = `${row.name} (${row.state})`;
      if (row.isTransitional && row.deadline === null)
        say(`${about} is on its way and has no operation with a deadline`);
      if (row.isTransitional && row.lookAt === null) say(`${about} is never looked at again`);
      if (row.isWaiting && row.lookAt === null)
        say(`${about} should run, and nobody will look at it again`);
      const { state, desired, generation, gaps } = foldJournal(row.journal);
      const [is, was] = [
        `${row.state} ${row.desired} ${row.generation}`,
        `${state} ${desired} ${generation}`,
      ];
      if (is !== was) say(`${about} is ${is}, and its journal says ${was}`);
      for (const gap of gaps) say(`the journal of ${row.name} has a gap: ${gap}`);
      if (row.unproven > 0)
        say(`${about} was given up ${row.unproven} times without a certificate`);
    }
    for (const row of await readCertificates(database)) {
      if (certificates.has(row.id)) continue;
      certificates.add(row.id);
      if (row.evidence === 0 || row.signature === "")
        say(`a certificate of ${row.host} has no evidence`);
      const silentFor = Date.now() - row.silentSince;
      if (row.proof === "watchdog" && silentFor < watchdogBound)
        say(`${row.host} was proven dead by its watchdog after ${silentFor} ms`);
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
    for (const name of await miscounted(database))
      say(`the room that is taken on ${name} is not what its instances need`);
    for (const host of await hostsWithoutProof(database))
      say(`${host} is down without a certificate`);
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

interface Row {
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
  readonly isTransitional: boolean;
  readonly isWaiting: boolean;
  readonly deadline: string | null;
  readonly lookAt: number | null;
  readonly journal: JournalEntry[];
  readonly unproven: number;
}

/** One statement sees one moment: the row and its journal belong together. */
const readInstances = (database: Database) =>
  database.query<Row>(
    `select i.name, i.state, i.desired, i.generation, i.look_at as "lookAt", i.op->>'deadline' as deadline,
       i.state in ('provisioning', 'starting', 'stopping', 'migrating', 'lost', 'expunging') as "isTransitional",
       i.state = 'stopped' and i.desired = 'running' as "isWaiting",
       (select json_agg(json_build_object('seq', j.seq, 'event', j.event, 'from', j.from_state,
           'to', j.to_state, 'generation', j.generation) order by j.seq)
        from journal j where j.subject = i.id) as journal,
       (select count(*)::int from journal j
          join incarnation c on c.instance_id = i.id and c.generation = j.generation
        where j.subject = i.id and j.event in ('fenceProven', 'operatorAttested')
          and not exists (select from fence_certificate f where f.host_id = c.host_id)) as unproven
     from instance i`,
  );

const readCertificates = (database: Database) =>
  database.query<{
    id: string;
    host: string;
    proof: string;
    covers: string;
    silentSince: number;
    evidence: number;
    signature: string;
  }>(
    `select f.id, h.name as host, f.proof, f.covers, f.silent_since as "silentSince", f.signature,
       (select count(*)::int from jsonb_object_keys(f.evidence)) as evidence
     from fence_certificate f join host h on h.id = f.host_id`,
  );

/** Hosts whose claims are not those of what is home there or on its way to there. */
async function miscounted(database: Database): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select h.name from host h left join (
       select home as host, cpus, memory_mib from instance where home is not null
       union all select g.to_host, i.cpus, i.memory_mib from migration g
         join instance i on i.id = g.instance_id where g.state in ('preparing', 'copying')) t on t.host = h.id
     group by h.id having h.reserved_cpus <> coalesce(sum(t.cpus), 0)
       or h.reserved_memory_mib <> coalesce(sum(t.memory_mib), 0)`,
  );
  return rows.map(({ name }) => name);
}

async function hostsWithoutProof(database: Database): Promise<readonly string[]> {
  const rows = await database.query<{ name: string }>(
    `select name from host h where state = 'down'
       and not exists (select from fence_certificate f where f.host_id = h.id and f.epoch = h.epoch)`,
  );
  return rows.map(({ name }) => name);
}
