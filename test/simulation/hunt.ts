/**
 * Hunts planted bugs that nothing has caught yet, those in planted/free, with the seeds from 1 to 200. What is caught
 * moves to the others, and what caught it is written down: planted/caught.json and docs/planted-bugs.md.
 * `npm run sim:planted -- --minutes 60`
 *
 * `--only NAME,…` hunts these, with `--again` from the beginning; `--to N` tries seeds up to N; `--page` only writes the
 * page.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { startTestServer } from "@holdfast/store/testing";
import {
  type Caught,
  caughtFile,
  failureOf,
  folder,
  freeFolder,
  type Planted,
  readCaught,
  readPlanted,
  refusalOf,
  root,
  runSeeds,
  sow,
  wordsOf,
} from "./planting.ts";

const { values: given } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    only: { type: "string" },
    to: { type: "string", default: "200" },
    again: { type: "boolean", default: false },
    page: { type: "boolean", default: false },
  },
});
/** All of them get a few seeds before any gets many: most are caught by the first few. */
const rounds = [2, 6, 25, 80, 200];
const end = Date.now() + Number(given.minutes) * 60_000;
const last = Number(given.to);
const all = [...readPlanted(), ...readPlanted(freeFolder)].sort((one, other) =>
  one.name < other.name ? -1 : 1,
);
const named = given.only?.split(",");
/** In the order in which they were named. */
const wanted = named
  ? named.flatMap((name) => all.filter((planted) => planted.name === name))
  : all;
const caught = new Map<string, Caught>(Object.entries(readCaught()));
/** Up to which seed each has been hunted; only a note of this machine, so that a hunt goes on where one ended. */
const noteFile = join(root, "dist", "planted", "tried.json");
const tried = new Map<string, number>(
  existsSync(noteFile) ? JSON.parse(readFileSync(noteFile, "utf8")) : [], // Written below.
);

const server = given.page ? undefined : await startTestServer();
if (given.again)
  for (const { name } of wanted) {
    tried.delete(name);
    caught.delete(name);
  }
if (server)
  for (const round of rounds)
    for (const planted of wanted) {
      const { name } = planted;
      if (caught.has(name) || Date.now() > end) continue;
      const found = await hunt(planted, Math.min(round, last), server.url);
      if (found) {
        caught.set(name, found);
        renameSync(planted.file, join(folder, basename(planted.file)));
      }
      write();
    }
write();
await server?.stop();
const free = all.filter(({ name }) => !caught.has(name)).map(({ name }) => name);
console.log(`${all.length - free.length} of ${all.length} are caught.`);
if (free.length > 0) console.log(`Still free: ${free.join(", ")}`);

async function hunt(planted: Planted, to: number, server: string): Promise<Caught | undefined> {
  const { name, test, cloud } = planted;
  const refusal = refusalOf(planted);
  if (refusal !== undefined) {
    console.log(`${name}: cannot be planted any more, ${refusal}`);
    return undefined;
  }
  if (test !== undefined) {
    const by = await failureOf(planted, test);
    console.log(`${name}: ${by === undefined ? `${test} finds nothing` : `caught, ${by}`}`);
    return by === undefined ? undefined : { test, by };
  }
  const from = (tried.get(name) ?? 0) + 1;
  if (from > to) return undefined;
  const bundle = await sow("test/simulation/run-seeds.ts", planted);
  const seeds = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const within = Math.max(0, end - Date.now());
  const outcomes = await runSeeds(bundle, { seeds, cloud, within, server }).catch(
    (error: unknown) => {
      console.log(`${name}: ${error instanceof Error ? error.message.slice(0, 300) : error}`);
      return [];
    },
  );
  const broken = outcomes.find(({ violations }) => violations.length > 0);
  tried.set(name, outcomes.at(-1)?.seed ?? from - 1);
  const by = wordsOf(broken?.violations[0] ?? "");
  console.log(
    broken ? `${name}: seed ${broken.seed}, ${by}` : `${name}: free after ${tried.get(name)} seeds`,
  );
  return broken && { seed: broken.seed, by };
}

function write(): void {
  const rows = all.flatMap(({ name }) => {
    const entry = caught.get(name);
    return entry ? [[name, entry] as const] : [];
  });
  writeFileSync(caughtFile, `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);
  mkdirSync(dirname(noteFile), { recursive: true });
  writeFileSync(noteFile, JSON.stringify([...tried]));
  writeFileSync(join(root, "docs", "planted-bugs.md"), page());
}

function page(): string {
  const rows = all.flatMap(({ name, why }) => {
    const entry = caught.get(name);
    if (!entry) return [];
    const where = "seed" in entry ? `seed ${entry.seed}` : `\`${entry.test}\``;
    return [`| \`${name}\` | ${cell(why)} | ${cell(entry.by)} | ${where} |`];
  });
  const free = all.filter(({ name }) => !caught.has(name));
  return `# Planted bugs

Written by \`npm run sim:planted\`; do not edit.

Each of these is a patch under \`test/simulation/planted\` that breaks the protocol in one place. Whoever looks for bugs
finds each of them within 200 seeds: the simulator, its judge and its rules, or the test of a model. A few are planted in
every run of the tests, others each day; all of them with \`HOLDFAST_PLANTED=all\`. See
[a cloud on a seed](simulator.md) and \`docs/decisions/0030-bugs-are-planted.md\`.

| bug | what it breaks | what catches it | where |
|---|---|---|---|
${rows.join("\n")}
${free.length === 0 ? "" : waiting(free)}`;
}

function waiting(free: readonly Planted[]): string {
  return `
## Not caught yet

These wait for a hunt: each is too rare for the few seeds that have been tried, shows a fault or a rule that is missing, or
is no bug at all.

| bug | what it breaks |
|---|---|
${free.map(({ name, why }) => `| \`${name}\` | ${cell(why)} |`).join("\n")}
`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
