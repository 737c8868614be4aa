/**
 * A big fleet at rest: hosts on real links over mutual TLS with instances that run, one manager, one durable
 * PostgreSQL; then the API while all of it goes on.
 * Usage: node --import tsx bench/fleet.ts [--hosts 500] [--instances 25000] [--projects 250] [--seconds 20] [--calls 300]
 *        [--top] [--profile DIRECTORY]
 *
 * The hosts only talk (responder.ts). What they take is not the platform's and is not counted. The size is
 * --hosts 2000 --instances 100000 --projects 1000.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Database } from "@holdfast/store/database";
import { deliver, type Figure } from "./figures.ts";
import { beSlowToWorry, startFilled } from "./fill.ts";
import { cpuOf, cpuOfFamily, loadNow, median, percentile, whole } from "./measure.ts";
import { statementsOf } from "./postgres.ts";
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
    hosts: { type: "string", default: "500" },
    instances: { type: "string", default: "25000" },
    projects: { type: "string", default: "250" },
    seconds: { type: "string", default: "20" },
    calls: { type: "string", default: "300" },
    top: { type: "boolean", default: false },
    profile: { type: "string" },
  },
});
const [hosts, instances, projects] = [options.hosts, options.instances, options.projects].map(
  Number,
) as [number, number, number]; // As many as there are above.

interface Place {
  readonly database: Database;
  readonly server: Server;
  readonly manager: Manager;
  readonly responder: Responder;
}

try {
  await main();
} finally {
  await endAll();
}

async function main(): Promise<void> {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const { directory, server, database } = await startFilled({ hosts, instances, projects });
  await beSlowToWorry(database);
  const flags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : [];
  const manager = await startManager(directory, server, flags);
  await database.query("select pg_stat_statements_reset()");
  const before = usedBy(manager, server);
  const responder = await startResponder(manager, server, hosts);
  const after = usedBy(manager, server);
  const greeting = (after.manager + after.server - before.manager - before.server) / hosts;
  if (options.top) console.log(await statementsOf(database, 1));
  const place: Place = { database, server, manager, responder };
  await sleep(25_000); // Every host has been looked at twice: what is new by then is known.
  const figures = [
    {
      name: "greeting a host",
      what: "processor time of manager and PostgreSQL for a host that connects, with TLS and its guests as they were",
      sides: [{ name: "holdfast", value: greeting, unit: "ms" }] as const,
    },
    ...(await rest(place)),
    ...(await asking(place)),
  ];
  deliver({
    bench: "fleet",
    what: `${whole(hosts)} hosts with ${whole(instances)} instances at rest, and the API meanwhile`,
    figures,
    notes: [`load ${loadNow()} at the end`],
  });
  await database.close();
}

function usedBy(manager: Manager, server: Server) {
  return { manager: cpuOf(manager.pid), server: cpuOfFamily(server.pid) };
}

async function rest({ database, manager, server, responder }: Place): Promise<Figure[]> {
  await responder.counts();
  await database.query("select pg_stat_statements_reset()");
  const start = { ...usedBy(manager, server), at: performance.now() };
  const { beats } = await responder.counts();
  await sleep(Number(options.seconds) * 1_000);
  const seconds = (performance.now() - start.at) / 1_000;
  const said = await responder.counts();
  const end = usedBy(manager, server);
  const cpu = { manager: end.manager - start.manager, server: end.server - start.server };
  if (options.top) console.log(await statementsOf(database, seconds));
  const each = ((cpu.manager + cpu.server) * 1_000) / (said.beats - beats);
  const share = (one: number) => one / seconds / 10;
  return [
    {
      name: "a heartbeat",
      what: "processor time of manager and PostgreSQL for each, with all else that goes on at rest",
      sides: [{ name: "holdfast", value: each, unit: "us" }],
      goal: { of: "value", must: 60, better: 25 },
    },
    {
      name: "manager and PostgreSQL at rest",
      what: "share of a core; the second side is PostgreSQL's",
      sides: [
        { name: "manager", value: share(cpu.manager), unit: "%" },
        { name: "PostgreSQL", value: share(cpu.server), unit: "%" },
      ],
    },
    {
      name: "a heartbeat is answered",
      what: "from sent to answered at the host; the second side is 99 %",
      sides: [
        { name: "median", value: median(said.delays), unit: "ms" },
        { name: "99 %", value: percentile(said.delays, 0.99), unit: "ms" },
      ],
    },
    {
      name: "memory of the manager",
      what: "resident",
      sides: [{ name: "holdfast", value: residentMiB(manager.pid), unit: "MiB" }],
    },
  ];
}

/** Calls one after the other, in turns with one to a bare server: what is left over is waiting for processors. */
async function asking({ database, manager }: Place): Promise<Figure[]> {
  const bare = createServer((_, response) => response.end("{}"));
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
  const floor = caller((bare.address() as AddressInfo).port); // It listens on a port.
  const call = caller(manager.apiPort);
  const at = "/v1/projects/default/instances";
  const rows = await database.query<{ id: string }>(
    "select i.id from instance i join project p on p.id = i.project_id where p.name = 'default' limit 100",
  );
  const asks = {
    get: (n: number) => call("GET", `${at}/${rows[n % rows.length]?.id}`),
    "first page": () => call("GET", `${at}?limit=100`),
    "page by state": () => call("GET", `${at}?limit=100&state=running`),
    deploy: () => call("POST", at, { count: 1 }),
  };
  const figures: Figure[] = [];
  for (const [name, ask] of Object.entries(asks)) {
    const count = name === "deploy" ? Number(options.calls) / 5 : Number(options.calls);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let n = 0; n < count; n++) {
      ours.push(await timed(() => ask(n)));
      theirs.push(await timed(() => floor("GET", "/")));
    }
    for (const [which, part] of [
      ["median", 0.5],
      ["99 %", 0.99],
    ] as const)
      figures.push({
        name: `${name}, ${which}`,
        what: "one call after the other, beside one to a bare node:http server",
        sides: [
          { name: "holdfast", value: percentile(ours, part), unit: "ms" },
          { name: "bare", value: percentile(theirs, part), unit: "ms" },
        ],
        ...(name === "get" && part === 0.99 ? { goal: { of: "value", must: 20 } as const } : {}),
      });
  }
  bare.closeAllConnections();
  bare.close();
  return figures;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1_024);
}
