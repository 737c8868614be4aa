/**
 * `holdfast sim`: a whole cloud on a seed, with everything that can go wrong going wrong. Apart from the CLI because
 * it takes over the time of its process, and starts a PostgreSQL of its own.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Problem, problem } from "@holdfast/kernel/problem";
import { Command } from "commander";
import { z } from "zod";
import { runMatrix } from "./matrix/run.ts";
import { deeds, type Item, type KindOfFault, kindsOfFault } from "./plan.ts";
import { type Outcome, type RunOptions, run } from "./run.ts";
import { brokenText, shrinkRun } from "./seeds.ts";
import { openDatabases } from "./server.ts";
import { lineText, summaryText } from "./text.ts";
import { giveBackTime, takeOverTime } from "./time.ts";
import { real } from "./timers.ts";

interface Given {
  readonly hosts: string;
  readonly instances: string;
  readonly managers: string;
  readonly faults: string;
  readonly hours: string;
  readonly seed: string;
  readonly seeds: string;
  readonly minutes?: string;
  readonly every: string;
  readonly plan?: string;
  readonly timeline?: string;
  readonly quiet: boolean;
  readonly shrink: boolean;
  readonly doubt: boolean;
  readonly matrix: boolean;
  readonly operation?: string;
  readonly point?: string;
  readonly most?: string;
  readonly write?: string;
}

const mostShrinking = 150;

const program = new Command("holdfast sim")
  .description(
    "Runs a whole cloud on a seed: real managers, guards and agents on simulated time, hosts, disks and networks, with a PostgreSQL of its own. The same seed is the same run, byte for byte. Exit code 1 if anything broke that must hold.",
  )
  .option("--hosts <n>", "how many hosts", "3")
  .option("--instances <n>", "about how many instances", "4")
  .option("--managers <n>", "how many managers", "2")
  .option("--faults <kinds>", `all, none, or some of: ${kindsOfFault.join(",")}`, "all")
  .option("--hours <n>", "how long it all happens, in hours of the world", "0.02")
  .option("--every <seconds>", "between two faults, and between two wishes of users", "3")
  .option("--seed <n>", "the first seed", "1")
  .option("--seeds <n>", "how many, one after the other", "1")
  .option("--minutes <n>", "begin no other seed after so many real minutes")
  .option("--plan <file>", "do what this file says instead of what the seed would draw")
  .option("--timeline <file>", "write what happened there, a JSON object in each line")
  .option("--quiet", "print no story, only the summary", false)
  .option("--no-shrink", "do not look for the shortest plan that breaks the same")
  .option("--doubt", "ask PostgreSQL again whatever is remembered", false)
  .option(
    "--matrix",
    "instead: end a process at every point of every operation; docs/crash-matrix.md",
    false,
  )
  .option("--operation <names>", "only these operations of the matrix")
  .option("--point <number>", "only this point of one, with all that happened")
  .option("--most <n>", "no more points than this of each operation, evenly spread")
  .option("--write <file>", "put the rows of the matrix into this file, in the place of older ones")
  .action((given: Given) => (given.matrix ? matrix(given) : simulate(given)));

await program
  .parseAsync(process.argv.filter((word, index) => index !== 2 || word !== "sim"))
  .catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
    process.exitCode = 1;
    console.error(`error:   ${error.message}`);
    if (error.details.fix) console.error(`next:    ${error.details.fix}`);
    console.error(`more:    docs/problems/${error.code}.md`);
  });

async function matrix({ operation, point, most, write }: Given): Promise<void> {
  const isWell = await runMatrix({
    ...(operation ? { only: operation.split(",") } : {}),
    ...(point === undefined ? {} : { point: Number(point) }),
    ...(most ? { most: whole("most", most) } : {}),
    ...(write ? { file: write } : {}),
  });
  if (!isWell) process.exitCode = 1;
}

async function simulate(given: Given): Promise<void> {
  const base = optionsOf(given);
  const began = real.now();
  const databases = await openDatabases();
  takeOverTime();
  try {
    const count = whole("seeds", given.seeds);
    for (let index = 0; index < count; index++) {
      if (given.minutes && real.now() - began > Number(given.minutes) * 60_000) break;
      const options = { ...base, seed: base.seed + index };
      const outcome = await run(options, databases, (line) => {
        if (!given.quiet) console.log(lineText(line));
      });
      console.log(summaryText(outcome));
      if (given.timeline) writeTimeline(given.timeline, outcome);
      if (outcome.violations.length === 0) continue;
      process.exitCode = 1;
      await explain(outcome);
      if (!given.minutes) break; // Otherwise the night is long.
    }
  } finally {
    giveBackTime();
    await databases.close();
  }

  async function explain(outcome: Outcome): Promise<void> {
    const most = given.shrink ? mostShrinking : 0;
    const shrunk = await shrinkRun(outcome, databases, most, (left) =>
      process.stderr.write(`\r  … shrinking: ${left} things left   `),
    );
    process.stderr.write("\r");
    const file = `holdfast-sim-${outcome.options.seed}.json`;
    writeFileSync(file, `${JSON.stringify(shrunk.outcome.plan, null, 2)}\n`);
    console.log(brokenText(shrunk, commandFor(given, outcome.options.seed, file)));
  }
}

function commandFor({ hosts, instances, managers, hours }: Given, seed: number, plan: string) {
  return `holdfast sim --hosts ${hosts} --instances ${instances} --managers ${managers} --hours ${hours} --seed ${seed} --plan ${plan}`;
}

function optionsOf(given: Given): RunOptions {
  const every = Number(given.every) * 1_000;
  const hours = Number(given.hours);
  if (!(every >= 1)) throw wrong("every", given.every);
  if (!(hours > 0)) throw wrong("hours", given.hours);
  return {
    seed: whole("seed", given.seed),
    hosts: whole("hosts", given.hosts),
    instances: whole("instances", given.instances),
    managers: whole("managers", given.managers),
    faults: faultsOf(given.faults),
    length: Math.round(hours * 3_600_000),
    ...{ faultEvery: every, wishEvery: every, doubts: given.doubt },
    ...(given.plan ? { plan: readPlan(given.plan) } : {}),
  };
}

function faultsOf(text: string): readonly KindOfFault[] {
  if (text === "all") return kindsOfFault;
  if (text === "none") return [];
  const asked = text.split(",");
  const known = kindsOfFault.filter((kind) => asked.includes(kind));
  if (known.length !== asked.length) throw wrong("faults", text);
  return known;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw wrong(name, text);
  return value;
}

const Plan = z.array(
  z.strictObject({
    at: z.number().min(0),
    do: z.enum(Object.keys(deeds) as [Item["do"], ...Item["do"][]]), // There are some.
    on: z.number().int().min(0),
    other: z.number().int().min(0),
    lasts: z.number().min(0),
    how: z.string(),
  }),
);

function readPlan(file: string): readonly Item[] {
  return Plan.parse(JSON.parse(readFileSync(file, "utf8")));
}

function writeTimeline(file: string, { lines }: Outcome): void {
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

const wrong = (option: string, value: string) =>
  problem("invalid", "simulation_option_wrong", `--${option} cannot be ${value}.`, {
    fix: "See what it takes: holdfast sim --help",
  });
