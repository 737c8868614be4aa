/**
 * Runs the benches one after the other, each in a process of its own, and writes docs/benchmarks.md with
 * their figures and charts. `npm run bench` is this.
 *
 *   node --import tsx bench/all.ts [NAME...]     these only; what the others found last time stays
 *   node --import tsx bench/all.ts --long NAME   at the size that the goals are set for, which takes long; kept beside the short one
 *   node --import tsx bench/all.ts --page        runs nothing, writes the page and the charts again
 *   node --import tsx bench/all.ts --list
 *
 * A run takes minutes, so each bench is short here and has longer ways to run it by itself. What a bench found is
 * kept in docs/benchmarks/NAME.json with the machine and its load: the page is made of these alone.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import type { BenchResult } from "./figures.ts";
import { loadNow } from "./measure.ts";
import { findings, keep, machineNow, writePage } from "./page.ts";

interface Entry {
  readonly name: string;
  readonly file: string;
  /** What makes it short. */
  readonly args?: readonly string[];
  /** The same at full size, and how long that may take. What it finds is kept beside what the short one does. */
  readonly long?: { readonly args: readonly string[]; readonly minutes: number };
  /** Built first as the programs are: the loader for TypeScript names every function anew, which takes longer than a choice. */
  readonly isBundled?: boolean;
  /** After this it is ended, and the page says so. */
  readonly minutes: number;
  /** Of the names of its charts. */
  readonly suffix?: string;
  /** Programs, devices and rights without which it need not begin. */
  readonly needs?: readonly string[];
}

/** Those that end with `deliver`. */
const entries: readonly Entry[] = [
  { name: "placement", file: "placement.ts", args: ["1"], minutes: 8, isBundled: true },
  { name: "deploy", file: "deploy.ts", minutes: 6 },
  {
    name: "fleet",
    file: "fleet.ts",
    minutes: 4,
    long: { args: ["--hosts", "2000", "--instances", "100000", "--projects", "1000"], minutes: 12 },
  },
  { name: "ec2", file: "ec2.ts", minutes: 4 },
  {
    ...{ name: "lists", file: "lists.ts", minutes: 6 },
    long: { args: ["--sizes", "10000,1000000"], minutes: 15 },
  },
  { name: "warm", file: "warm.ts", args: ["5"], minutes: 4, needs: ["qemu-system-x86_64"] },
  { name: "standby", file: "standby.ts", args: ["10"], minutes: 4, needs: ["qemu-system-x86_64"] },
  { name: "mass-failure", file: "mass-failure.ts", minutes: 10 },
  {
    ...{ name: "restart", file: "restart.ts", args: ["--sizes", "10000,100000"], minutes: 4 },
    long: { args: ["--sizes", "10000,1000000"], minutes: 12 },
  },
  { name: "start", file: "start.ts", args: ["5"], minutes: 4, needs: ["qemu-system-x86_64"] },
  { name: "storage", file: "storage.ts", args: ["5"], minutes: 4, needs: ["qemu-img", "qemu-io"] },
  { name: "network", file: "network.ts", args: ["3"], minutes: 5, needs: ["nft", "ip", "busybox"] },
  { name: "migrate", file: "migrate.ts", args: ["2"], minutes: 6, needs: ["qemu-system-x86_64"] },
];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    page: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});

/** The long ones under names of their own. */
const chosen = !options.long
  ? entries
  : entries.flatMap(({ long, ...entry }) =>
      long ? [{ ...entry, ...long, name: `${entry.name}-long`, suffix: "-long" }] : [],
    );
const isAsked = (entry: Entry) => names.includes(entry.name.replace(/-long$/, ""));

if (options.list) for (const { name, args = [] } of chosen) console.log([name, ...args].join(" "));
else {
  const unknown = names.filter((name) => !entries.some((entry) => entry.name === name));
  if (unknown.length > 0) throw new Error(`there is no bench ${unknown.join(", ")}; see --list`);
  if (!options.page) await runAll(chosen.filter((entry) => !names.length || isAsked(entry)));
  console.log(`${writePage(findings())} benches are in docs/benchmarks.md`);
}

async function runAll(chosen: readonly Entry[]): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "hf-bench-"));
  try {
    for (const entry of chosen) {
      console.log(`\n== ${entry.name} (load ${loadNow()})`);
      const before = loadNow();
      const begun = performance.now();
      const result = await run(entry, join(directory, `${entry.name}.json`));
      const seconds = Math.round((performance.now() - begun) / 1_000);
      // Its charts are drawn beside those of the short one.
      const curves = result.curves?.map((one) => ({
        ...one,
        name: `${one.name}${entry.suffix ?? ""}`,
      }));
      keep({
        ...{ name: entry.name, result: curves ? { ...result, curves } : result },
        ...{ seconds, machine: machineNow() },
        load: { before, after: loadNow() },
        at: new Date().toISOString().slice(0, 16).replace("T", " "),
      });
      if (result.cannot) console.log(`cannot run here: ${result.cannot}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function run(entry: Entry, report: string) {
  const { name, file, args = [], minutes, needs = [], isBundled = false } = entry;
  const failed = (cannot: string): BenchResult => ({ bench: name, what: "", figures: [], cannot });
  const missing = needs.filter((program) => !isInstalled(program));
  if (missing.length > 0) return failed(`${missing.join(" and ")} is not installed`);
  const child = spawn(
    process.execPath,
    [
      ...(isBundled
        ? [await bundle(file, report)]
        : ["--import", "tsx", join(import.meta.dirname, file)]),
      ...args,
    ],
    { stdio: ["ignore", "inherit", "pipe"], env: { ...process.env, BENCH_REPORT: report } },
  );
  let said = "";
  child.stderr.on("data", (data: Buffer) => {
    process.stderr.write(data);
    said = `${said}${data.toString()}`.slice(-4_000);
  });
  // It is asked first, so that it takes down what it has started.
  const asked = setTimeout(() => child.kill("SIGTERM"), minutes * 60_000);
  const ended = setTimeout(() => child.kill("SIGKILL"), minutes * 60_000 + 30_000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once("close", (...how) => resolve(how)),
  );
  clearTimeout(asked);
  clearTimeout(ended);
  // Whatever it came to after it had delivered: its figures count.
  if (existsSync(report)) return JSON.parse(readFileSync(report, "utf8")) as BenchResult; // `deliver` wrote it.
  if (signal) return failed(`it was not done after ${minutes} minutes`);
  return failed(code === 0 ? "it delivered nothing" : (lastError(said) ?? `it ended with ${code}`));
}

async function bundle(file: string, report: string): Promise<string> {
  const outfile = `${report}.mjs`;
  await build({
    ...{ entryPoints: [join(import.meta.dirname, file)], outfile, logLevel: "warning" },
    ...{ bundle: true, platform: "node", target: "node20", format: "esm" },
  });
  return outfile;
}

/** The line that says what was thrown. */
function lastError(said: string): string | undefined {
  const line = said.split("\n").find((line) => /^\w*(Error|Problem)\b|^error:/i.test(line));
  return line?.slice(0, 300);
}

function isInstalled(program: string): boolean {
  const directories = (process.env.PATH ?? "").split(":");
  return directories.some((directory) => existsSync(join(directory, program)));
}
