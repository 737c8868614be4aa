/**
 * Many hosts die at once: from the moment at which they are known to be dead until all of their guests run elsewhere.
 * Real links, one manager, one durable PostgreSQL; the hosts only talk (responder.ts).
 * Usage: node --import tsx bench/mass-failure.ts [--hosts 1000] [--instances 100000] [--lose 1,10,100] [--top]
 *        [--profile DIRECTORY]
 *
 * A person swears for each lost host: how long it takes to prove them dead depends on their hardware, and is what
 * bench/recovery.ts measures. What is counted is processor time of manager and PostgreSQL, after they have fallen silent.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Database } from "@holdfast/store/database";
import { deliver } from "./figures.ts";
import { hostName, startFilled } from "./fill.ts";
import { cpuOf, cpuOfFamily, loadNow, median, whole } from "./measure.ts";
import { batchedUpdates, statementsOf } from "./postgres.ts";
import {
  buildPrograms,
  caller,
  endAll,
  type Manager,
  type Responder,
  type Server,
  startManager,
  startResponder,
} from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    hosts: { type: "string", default: "1000" },
    instances: { type: "string", default: "100000" },
    lose: { type: "string", default: "1,10,100" },
    top: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const [hosts, instances] = [Number(options.hosts), Number(options.instances)];
const pool = "shared";

/** Processor time. */
interface Used {
  readonly manager: number;
  readonly server: number;
}

/** With milliseconds of processor time for each guest. */
interface Loss extends Used {
  readonly guests: number;
  readonly seconds: number;
  /** Of these, what would have been used anyway: hosts are heard and looked at as ever. */
  readonly anyway: number;
}

try {
  await main();
} finally {
  await endAll();
}

async function main(): Promise<void> {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const projects = Math.ceil(instances / 100);
  const size = { hosts, instances, projects, pool };
  const { directory, server, database } = await startFilled(size);
  await database.query("update host set pools = array[$1]", [pool]);
  const floors = [await batchedUpdates(database)];
  await database.query("update host_lease set renewed_at = now()");
  const flags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : [];
  const manager = await startManager(directory, server, flags);
  const responder = await startResponder(manager, server, hosts, pool);
  await until(async () => (await hostsThatAre(database, "up")) === hosts, "all hosts are up");
  // On a busy machine some are silent until all have come; what their guests cost then is not what is measured.
  await until(async () => !(await isAnyLost(database)), "nobody is lost");
  await sleep(15_000); // Every host has been looked at: what is new by then is known.
  const place = { database, manager, server, responder };
  const rest = await atRest(place);

  const losses: Loss[] = [];
  let next = hosts;
  for (const count of options.lose.split(",").map(Number)) {
    const lost = Array.from({ length: count }, () => hostName(next--));
    losses.push(await lose(place, rest, lost));
  }
  floors.push(await batchedUpdates(database));
  report(losses, 1_000 / median(floors));
  await database.close();
}

interface Place {
  readonly database: Database;
  readonly manager: Manager;
  readonly server: Server;
  readonly responder: Responder;
}

async function lose(place: Place, rest: Used, lost: readonly string[]): Promise<Loss> {
  const { database, manager, responder } = place;
  const call = caller(manager.apiPort);
  const found = await database.query<{ id: string }>(
    "select i.id from instance i join host h on h.id = i.home where h.name = any($1)",
    [lost],
  );
  const guests = found.length;
  await responder.silence(lost);
  await until(
    async () => (await hostsThatAre(database, "suspect", lost)) === lost.length,
    `${lost.length} hosts are silent`,
  );
  if (options.top) await database.query("select pg_stat_statements_reset()");
  const start = { ...used(place), at: performance.now() };
  await Promise.all(
    lost.map((name) => call("POST", `/v1/hosts/${name}/attest`, { name, reason: "a bench" })),
  );
  await runElsewhere(
    database,
    found.map(({ id }) => id),
  );
  const seconds = (performance.now() - start.at) / 1_000;
  const end = used(place);
  if (options.top) console.log(await statementsOf(database, seconds));
  const each = (what: "manager" | "server") => (end[what] - start[what]) / guests;
  const anyway = ((rest.manager + rest.server) * seconds) / guests;
  const loss = { guests, seconds, manager: each("manager"), server: each("server"), anyway };
  console.log(
    `${lost.length} hosts, ${whole(guests)} guests: ${seconds.toFixed(1)} s, ${loss.manager.toFixed(2)} + ${loss.server.toFixed(2)} ms each, of which ${anyway.toFixed(2)} are used at rest as well`,
  );
  return loss;
}

/** Milliseconds of processor time so far. */
function used({ manager, server }: Place): Used {
  return { manager: cpuOf(manager.pid), server: cpuOfFamily(server.pid) };
}

/** Milliseconds of processor time that a second takes in which nothing happens. */
async function atRest(place: Place): Promise<Used> {
  const [from, at] = [used(place), performance.now()];
  await sleep(15_000);
  const [to, seconds] = [used(place), (performance.now() - at) / 1_000];
  return {
    manager: (to.manager - from.manager) / seconds,
    server: (to.server - from.server) / seconds,
  };
}

/** Of these, or of all. */
async function hostsThatAre(
  database: Database,
  state: string,
  names: readonly string[] | null = null,
): Promise<number> {
  const rows = await database.query(
    "select from host where state = $1 and ($2::text[] is null or name = any($2))",
    [state, names],
  );
  return rows.length;
}

async function isAnyLost(database: Database): Promise<boolean> {
  const rows = await database.query("select from instance where state = 'lost' limit 1");
  return rows.length > 0;
}

/** Resolves when all of them run that were lost. A few are asked about at a time: to ask about all of them costs as much as a guest does. */
async function runElsewhere(database: Database, ids: readonly string[]): Promise<void> {
  const few = 200;
  for (let from = 0; from < ids.length; from += few)
    await until(
      async () => {
        const rows = await database.query(
          "select from instance where id = any($1) and not (state = 'running' and generation > 1) limit 1",
          [ids.slice(from, from + few)],
        );
        return rows.length === 0;
      },
      `guests ${from} to ${from + few} run elsewhere`,
    );
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 600_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`after ten minutes it is still not so: ${what}`);
    await sleep(250);
  }
}

/** `floor`: milliseconds of a row that is updated in a batch. */
function report(losses: readonly Loss[], floor: number): void {
  const of = ({ manager, server }: Loss) => manager + server;
  const [few, most] = [losses[0], losses.at(-1)];
  if (!few || !most) return;
  deliver({
    bench: "mass-failure",
    what: `of ${whole(hosts)} hosts with ${whole(instances)} instances some die at once; from the proof until all of their guests run elsewhere`,
    figures: [
      {
        name: `${whole(most.guests)} guests`,
        what: "seconds from the first proof until the last guest runs elsewhere",
        sides: [{ name: "holdfast", value: most.seconds, unit: "s" }],
      },
      {
        name: "100,000 guests, by the clock",
        what: "the same for so many, reckoned from what one of them took",
        sides: [{ name: "holdfast", value: most.seconds * (100_000 / most.guests), unit: "s" }],
        goal: { of: "value", must: 60, better: 25 },
      },
      {
        name: "a guest",
        what: "processor time of manager and PostgreSQL for each, beside one row that is updated in a batch",
        sides: [
          { name: "holdfast", value: of(most), unit: "ms" },
          { name: "a row", value: floor, unit: "ms" },
        ],
      },
      {
        name: "of that at rest",
        what: "what manager and PostgreSQL use in as many seconds in which nothing happens, shared by the guests",
        sides: [{ name: "holdfast", value: most.anyway, unit: "ms" }],
      },
      {
        name: "100,000 guests, processor time",
        what: "of manager and PostgreSQL, reckoned from what one of the most took",
        sides: [{ name: "holdfast", value: of(most) * 100, unit: "s" }],
        goal: { of: "value", must: 60 },
      },
    ],
    curves: [
      {
        name: "mass-failure-cost",
        title: "Processor time to bring a guest back, by how many were lost at once",
        x: { label: "guests lost", unit: "" },
        y: { label: "each", unit: "ms" },
        lines: [
          { name: "manager", points: losses.map((loss) => ({ x: loss.guests, y: loss.manager })) },
          {
            name: "PostgreSQL",
            points: losses.map((loss) => ({ x: loss.guests, y: loss.server })),
          },
        ],
      },
    ],
    notes: [`load ${loadNow()} at the end`],
  });
}
