/**
 * A manager that starts anew over what there is: until it answers, until it has made an instance, and what it needs for that.
 * Usage: node --import tsx bench/restart.ts [--sizes 10000,1000000] [--rounds 3]
 *
 * Rows only; no host is connected. The first create waits for the picture of the fleet, which every manager reads for itself:
 * one that answers /health and could not place anything would be no manager yet.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { deliver } from "./figures.ts";
import { beSlowToWorry, startFilled } from "./fill.ts";
import { cpuOf, cpuOfFamily, loadNow, median, whole } from "./measure.ts";
import { buildPrograms, caller, endAll, startManager, stop } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "10000,1000000" },
    rounds: { type: "string", default: "3" },
  },
});

interface Start {
  /** Seconds until it answers, and until it has taken in a first instance. */
  readonly answers: number;
  readonly makes: number;
  /** Seconds of processor time of the manager and of PostgreSQL until then. */
  readonly manager: number;
  readonly server: number;
  readonly residentMiB: number;
}

interface Starts {
  readonly size: number;
  readonly starts: readonly Start[];
}

try {
  console.log(`load ${loadNow()} at the beginning`);
  buildPrograms();
  const all: Starts[] = [];
  for (const size of options.sizes.split(",").map(Number)) all.push(await measure(size));
  report(all);
} finally {
  await endAll();
}

async function measure(size: number): Promise<Starts> {
  const [hosts, projects] = [Math.ceil(size / 50), Math.ceil(size / 100)];
  const { directory, server, database } = await startFilled({ hosts, instances: size, projects });
  await beSlowToWorry(database);
  const starts: Start[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    const before = { server: cpuOfFamily(server.pid), at: performance.now() };
    const manager = await startManager(directory, server);
    const answers = performance.now() - before.at;
    const body = { name: `after-start-${round}`, type: "tiny", image: "tiny" };
    await caller(manager.apiPort)("POST", "/v1/projects/default/instances", body);
    const start = {
      answers: answers / 1_000,
      makes: (performance.now() - before.at) / 1_000,
      manager: cpuOf(manager.pid) / 1_000,
      server: (cpuOfFamily(server.pid) - before.server) / 1_000,
      residentMiB: residentMiB(manager.pid),
    };
    console.log(`${whole(size)}: ${JSON.stringify(start)}`);
    starts.push(start);
    await stop(manager.pid);
  }
  await database.close();
  await stop(server.pid);
  return { size, starts };
}

function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1_024);
}

function report(all: readonly Starts[]): void {
  const [small, large] = [all[0], all.at(-1)];
  if (!small || !large) return;
  const middle = ({ starts }: Starts, of: (start: Start) => number) => median(starts.map(of));
  const both = (of: (start: Start) => number, unit: string) =>
    [
      { name: "holdfast", value: middle(large, of), unit },
      { name: `${whole(small.size)} instances`, value: middle(small, of), unit },
    ] as const;
  deliver({
    bench: "restart",
    what: `a manager starts over ${whole(large.size)} instances, beside ${whole(small.size)}`,
    figures: [
      {
        name: "answers",
        what: "from its start to its first answer",
        sides: both(({ answers }) => answers, "s"),
        goal: { of: "value", must: 12, better: 6 },
      },
      {
        name: "makes an instance",
        what: "from its start until it has taken in a first one, for which it reads the fleet",
        sides: both(({ makes }) => makes, "s"),
        goal: { of: "value", must: 12, better: 6 },
      },
      {
        name: "processor time",
        what: "of manager and PostgreSQL until then",
        sides: both(({ manager, server }) => manager + server, "s"),
      },
      {
        name: "memory",
        what: "of the manager then, resident",
        sides: both(({ residentMiB: mib }) => mib, "MiB"),
      },
    ],
    curves: [
      {
        name: "restart-cost",
        title: "Processor time until a manager has made its first instance",
        x: { label: "instances", unit: "" },
        y: { label: "manager and PostgreSQL", unit: "s" },
        lines: [
          {
            name: "restart",
            points: all.map((one) => ({
              x: one.size,
              y: middle(one, ({ manager, server }) => manager + server),
            })),
          },
        ],
      },
    ],
    notes: [`load ${loadNow()} at the end`],
  });
}
