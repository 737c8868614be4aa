/**
 * Runs all tests, with what they need: Debian packages (named before they are installed), the programs
 * built, and one throw-away PostgreSQL for all files. `npm test` and `./holdfast test`.
 *
 * Arguments are test files; without any, every *.test.ts of the repository. Exit code: that of the tests,
 * or 1 if there were none.
 */
import { spawn, spawnSync } from "node:child_process";
import { startTestServer } from "@holdfast/store/testing";
import {
  debianNeeds,
  ensureAptLists,
  install,
  missing,
  type Need,
  needs,
} from "../apps/setup/needs.ts";

/** Beside what the platform itself needs. */
const testNeeds: readonly Need[] = [
  ...needs,
  ...debianNeeds.filter(({ name }) => !needs.some((need) => need.name === name)),
  { name: "busybox-static", why: "the userland of the tests' own guest" },
  { name: "cpio", why: "packs the tests' own guest" },
  { name: "kmod", why: "finds the modules of the tests' own guest" },
];

/** Two cores: more files at once only make each other miss their deadlines. */
const filesAtOnce = 2;

const args = process.argv.slice(2);
const lacking = await missing(testNeeds);
if (lacking.length > 0) {
  console.log("These Debian packages are missing:");
  for (const { name, why } of lacking) console.log(`    ${name.padEnd(18)} ${why}`);
}
if (args.includes("--no-install")) process.exit(lacking.length > 0 ? 1 : 0);
if (lacking.length > 0) {
  console.log("Installing them …");
  await install(lacking);
}
await ensureAptLists(); // The guests of the tests are made from packages.

const named = args.filter((arg) => !arg.startsWith("-"));
if (named.length === 0)
  for (const check of ["types", "lint", "tidy", "docs"]) {
    const { status } = spawnSync("npm", ["run", "--silent", check], { stdio: "inherit" });
    if (status !== 0) process.exit(status ?? 1);
  }
spawnSync("npm", ["run", "--silent", "build"], { stdio: "inherit" });

const files = named.length > 0 ? named : everyTest();
if (files.length === 0) {
  console.error("There are no tests, which is not a pass.");
  process.exit(1);
}
const server = await startTestServer();
try {
  const flags = [
    "--import",
    "tsx",
    "--import",
    "./tools/patience.ts",
    "--test",
    `--test-concurrency=${filesAtOnce}`,
    "--test-reporter=spec",
  ];
  process.exitCode = await run([...flags, ...files], server.url);
} finally {
  await server.stop();
}

function everyTest(): readonly string[] {
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "*.test.ts"], {
    encoding: "utf8",
  });
  return listed.stdout.split("\n").filter(Boolean);
}

function run(argv: readonly string[], database: string): Promise<number> {
  return new Promise((resolve) => {
    const env = { ...process.env, HOLDFAST_TEST_DATABASE: database };
    const child = spawn(process.execPath, [...argv], { env, stdio: "inherit" });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
