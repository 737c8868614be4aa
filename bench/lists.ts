/**
 * How the cost of a call grows with what there is: one instance, the first page of a list, a create, a destroy, and all of
 * a project, with 10,000 and more instances in the database. Rows only; no host is connected.
 * Usage: node --import tsx bench/lists.ts [--sizes 10000,100000] [--rounds 300] [--profile DIRECTORY] [--top]
 *
 * Beside each call stands one by key through a bare PostgreSQL connection, in turns.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { deliver, type Figure, type Line } from "./figures.ts";
import { beSlowToWorry, startFilled } from "./fill.ts";
import { cpuOf, cpuOfFamily, loadNow, median, percentile } from "./measure.ts";
import { statementsOf } from "./postgres.ts";
import { buildPrograms, type Call, caller, endAll, startManager, stop } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "10000,100000" },
    rounds: { type: "string", default: "300" },
    profile: { type: "string" },
    top: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
/** Instances of the project that is listed as a whole. The goal is for 25,000. */
const inDefault = (size: number) => Math.min(25_000, size / 2);
/** Of each of the others, in which all else is asked: a network with more guests costs more, however many instances there are. */
const inOthers = 100;
/** How often the whole is read. */
const wholes = 5;

interface Costs {
  readonly size: number;
  /** Milliseconds until the manager answers. */
  readonly ready: number;
  /** Microseconds of processor time of manager and PostgreSQL for each call. */
  readonly cpu: Readonly<Record<Ask, number>>;
  /** Milliseconds, in order. */
  readonly wall: Readonly<Record<Ask, readonly number[]>>;
  /** All of a project. Milliseconds, and of processor time of manager and PostgreSQL, for 25,000. */
  readonly all: { readonly wall: number; readonly cpu: number };
  readonly floor: number;
}
type Ask =
  | ("get by id" | "get by name" | "first page" | "page with a filter")
  | ("create" | "destroy");

try {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const all: Costs[] = [];
  for (const size of options.sizes.split(",").map(Number)) all.push(await measure(size));
  report(all);
} finally {
  await endAll();
}

async function measure(size: number): Promise<Costs> {
  const hosts = Math.ceil(size / 50);
  const projects = 1 + Math.ceil((size - inDefault(size)) / inOthers);
  const fleet = { hosts, instances: size, projects, inDefault: inDefault(size) };
  const { directory, server, database } = await startFilled(fleet);
  await beSlowToWorry(database);
  const began = performance.now();
  const flags = options.profile ? ["--cpu-prof", `--cpu-prof-dir=${options.profile}`] : [];
  const manager = await startManager(directory, server, flags);
  const ready = performance.now() - began;
  const call = caller(manager.apiPort);
  const rows = await database.query<{ id: string; name: string; project: string; host: string }>(
    `select i.id, i.name, p.name as project, h.name as host
     from generate_series($1::bigint, $2::bigint, $3::bigint) n join instance i on i.id = fill_id('0004', n)
       join project p on p.id = i.project_id join host h on h.id = i.home`,
    [inDefault(size), size - 1, Math.floor((size - inDefault(size)) / 1_000)],
  );
  const row = (n: number) => {
    const one = rows[n % rows.length];
    if (!one) throw new Error("nothing was found to be asked about");
    return one;
  };
  const at = (n: number) => `/v1/projects/${row(n).project}/instances`;
  const get = (path: (n: number) => string) => (n: number) => call("GET", path(n));
  const asks: Record<Ask, (n: number) => Promise<unknown>> = {
    "get by id": get((n) => `${at(n)}/${row(n).id}`),
    "get by name": get((n) => `${at(n)}/${row(n).name}`),
    "first page": get((n) => `${at(n)}?limit=100`),
    "page with a filter": get((n) => `${at(n)}?limit=100&host=${row(n).host}`),
    create: (n) => call("POST", at(n), { name: `new-${++made}`, type: "tiny", image: "tiny" }),
    destroy: () => call("POST", `${at(destroyed)}/${row(destroyed++).id}/destroy`, {}),
  };
  let [made, destroyed] = [0, 0];
  const cpu = {} as Record<Ask, number>; // Filled below, each of them.
  const wall = {} as Record<Ask, number[]>;
  const floors: number[] = [];
  const used = () => cpuOf(manager.pid) + cpuOfFamily(server.pid);
  const rest = await atRest(used);
  for (const [name, ask] of Object.entries(asks) as [Ask, (typeof asks)[Ask]][]) {
    for (let n = 0; n < 30; n++) await ask(n);
    const times: number[] = [];
    const [before, began] = [used(), performance.now()];
    for (let n = 0; n < rounds; n++) times.push(await timed(() => ask(n)));
    const anyway = rest * (performance.now() - began);
    cpu[name] = ((used() - before - anyway) / rounds) * 1_000;
    wall[name] = times.sort((a, b) => a - b);
    for (let n = 0; n < rounds; n++)
      floors.push(
        await timed(() => database.query("select * from instance where id = $1", [row(n).id])),
      );
  }
  for (let warm = 0; warm < 3; warm++) await everything(call);
  if (options.top) await database.query("select pg_stat_statements_reset()");
  const [before, whenAll] = [used(), performance.now()];
  for (let n = 0; n < wholes; n++) await everything(call);
  const took = performance.now() - whenAll;
  const scale = 25_000 / inDefault(size) / wholes;
  const all = { wall: took * scale, cpu: (used() - before - rest * took) * scale };
  if (options.top) console.log(await statementsOf(database, took / 1_000));
  await stop(manager.pid);
  await database.close();
  await stop(server.pid);
  return { size, ready, cpu, wall, all, floor: median(floors) };
}

/** Processor time that goes by in a millisecond when nobody asks for anything: on a busy machine calls take their time. */
async function atRest(used: () => number): Promise<number> {
  await sleep(5_000);
  const [before, began] = [used(), performance.now()];
  await sleep(15_000);
  return (used() - before) / (performance.now() - began);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function everything(call: Call): Promise<void> {
  let seen = 0;
  for (let after = ""; ; ) {
    const page = await call<{ instances: unknown[]; next: string | null }>(
      "GET",
      `/v1/projects/default/instances?limit=1000${after}`,
    );
    seen += page.instances.length;
    if (!page.next) break;
    after = `&after=${page.next}`;
  }
  if (seen === 0) throw new Error("nothing was listed");
}

function report(all: readonly Costs[]): void {
  const [small] = all;
  const large = all.at(-1);
  if (!small || !large) return;
  const names = Object.keys(small.cpu) as Ask[];
  const figures: Figure[] = names.flatMap((name): Figure[] => [
    {
      name: `${name}, CPU at ${large.size}`,
      what: `processor time of manager and PostgreSQL without what is used anyway, beside that at ${small.size} instances`,
      sides: [
        { name: "holdfast", value: large.cpu[name], unit: "us" },
        { name: `at ${small.size}`, value: small.cpu[name], unit: "us" },
      ],
      goal: { of: "ratio", must: 1.5, better: 1.15 },
    },
    {
      name: `${name}, wall at ${large.size}`,
      what: "median of one call after the other, beside a select by key",
      sides: [
        { name: "holdfast", value: median(large.wall[name]), unit: "ms" },
        { name: "select by key", value: large.floor, unit: "ms" },
      ],
      ...(name === "first page" ? { goal: { of: "value", must: 20 } as const } : {}),
    },
  ]);
  figures.push({
    name: "all 25,000 of a project",
    what: "processor time of manager and PostgreSQL for pages of a thousand, one after the other; beside how long that took",
    sides: [
      { name: "holdfast", value: large.all.cpu / 1_000, unit: "s" },
      { name: "from the first to the last", value: large.all.wall / 1_000, unit: "s" },
    ],
    goal: { of: "value", must: 0.6 },
  });
  const lines: Line[] = names.map((name) => ({
    name,
    points: all.map(({ size, cpu }) => ({ x: size, y: cpu[name] })),
  }));
  deliver({
    bench: "lists",
    what: "what it costs to ask, by how much there is",
    figures,
    curves: [
      {
        name: "asking-cost",
        title: "Cost of one call",
        x: { label: "instances", unit: "" },
        y: { label: "CPU each", unit: "us" },
        lines,
      },
    ],
    notes: [
      `99 %: ${names.map((name) => `${name} ${percentile(large.wall[name], 0.99).toFixed(1)} ms`).join(", ")}`,
      `load ${loadNow()} at the end`,
    ],
  });
}
