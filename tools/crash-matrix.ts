/**
 * Writes docs/crash-matrix.md from docs/crash-matrix.json, which `npm run matrix` writes. With `--check` it writes
 * nothing, and fails when the page is out of date, or when something that changes anything has no row.
 * Usage: node --import tsx tools/crash-matrix.ts [--check]
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../apps/simulator/matrix/matrix.ts";
import {
  befalls,
  changesNothing,
  coveredJobs,
  coveredRoutes,
  coveredTasks,
  elsewhere,
} from "../apps/simulator/matrix/operations/covered.ts";
import { operations } from "../apps/simulator/matrix/operations/table.ts";
import { pageOf } from "../apps/simulator/matrix/page.ts";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "crash-matrix.md");
const source = join(root, "docs", "crash-matrix.json");

const rows: readonly Row[] = JSON.parse(readFileSync(source, "utf8"));
const text = pageOf(rows);
const isCheck = process.argv.includes("--check");
const faults = [...(await uncovered()), ...rowless()];
if (!isCheck) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text)
  faults.push(
    "docs/crash-matrix.md is out of date; write it again: node --import tsx tools/crash-matrix.ts",
  );
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;

/** What can be asked for, and who stands for it. */
async function uncovered(): Promise<string[]> {
  const names = new Set(operations.map(({ name }) => name));
  const routes = await changingRoutes();
  const meant = Object.entries({ ...coveredRoutes, ...coveredJobs, ...coveredTasks });
  const excused = [...changesNothing, ...elsewhere];
  const used = new Set([...meant.flatMap(([, mine]) => mine), ...befalls]);
  return [
    ...routes
      .filter((name) => !(name in coveredRoutes) && !excused.includes(name))
      .map(
        (name) => `the route ${name} is in no row of apps/simulator/matrix/operations/covered.ts`,
      ),
    ...[...Object.keys(coveredRoutes), ...excused]
      .filter((name) => !routes.includes(name))
      .map((name) => `covered.ts names the route ${name}, and there is none`),
    ...[...used]
      .filter((name) => !names.has(name))
      .map((name) => `covered.ts names the operation ${name}, and there is none`),
    ...[...names]
      .filter((name) => !used.has(name))
      .map((name) => `covered.ts does not say what the operation ${name} stands for`),
  ];
}

/** By their names, as they are exported. */
async function changingRoutes(): Promise<readonly string[]> {
  const cloud = join(root, "cloud");
  const files = readdirSync(cloud, { recursive: true, encoding: "utf8" });
  const found: string[] = [];
  for (const file of files.filter((name) => /^[^/]+\/([a-z-]+-)?api\.ts$/.test(name))) {
    const module: Record<string, unknown> = await import(join(cloud, file));
    for (const [name, value] of Object.entries(module)) if (isChanging(value)) found.push(name);
  }
  return found;
}

function isChanging(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return "method" in value && "reply" in value && "path" in value && value.method !== "GET";
}

/** Operations that nobody has tried, and rows of operations that there are no more. */
function rowless(): string[] {
  const tried = rows.map(({ operation }) => operation);
  return [
    ...operations
      .filter(({ name }) => !tried.includes(name))
      .map(
        ({ name }) =>
          `${name} is not in docs/crash-matrix.json: holdfast sim --matrix --operation ${name}`,
      ),
    ...tried
      .filter((name) => !operations.some((operation) => operation.name === name))
      .map((name) => `docs/crash-matrix.json has a row of ${name}, and there is no such operation`),
  ];
}
