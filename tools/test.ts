/**
 * Runs all tests, with what they need: Debian packages (named before they are installed), the programs
 * built, and one throw-away PostgreSQL for all files. `npm test` and `./holdfast test`.
 *
 * Arguments are test files; without any, every *.test.ts of the repository. Exit code: that of the tests,
 * or 1 if there were none.
 *
 * Most files stress real parts, two at a time, and a machine that something else keeps busy as well can be
 * too slow for one of them. So a few files that failed beside others are run once more, alone: what fails
 * there has failed. What does not is named at the end as unsteady, and is to be mended all the same.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve as absolute, dirname, join, relative } from "node:path";
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
  { name: "awscli", why: "the AWS command line, as a client of the EC2 API" },
  { name: "ansible", why: "playbooks, as clients of the EC2 API" },
  { name: "packer", why: "makes an image by the EC2 API" },
  { name: "dropbear-bin", why: "lets Packer and SSH into the tests' own guest" },
  { name: "openssh-client", why: "enters a guest, and copies files into it" },
  { name: "python3-boto3", why: "AWS's library for Python, as a client of the EC2 API" },
  { name: "python3-libcloud", why: "a client of many clouds, which speaks EC2 in its own way" },
  { name: "kmod", why: "finds the modules of the tests' own guest" },
];

/** Two cores: more files at once only make each other miss their deadlines. */
const filesAtOnce = 2;
/** More than this, and it is not the machine. */
const mostAgain = 5;

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
const notes = mkdtempSync(join(tmpdir(), "hf-tests-"));
try {
  const first = await run(files, filesAtOnce);
  const isSecondTry = first.failed.length <= mostAgain && files.length > 1;
  const again =
    isSecondTry && first.failed.every((file) => files.includes(file)) ? first.failed : [];
  process.exitCode = again.length > 0 ? await runAlone(again, first.summary) : first.code;
} finally {
  rmSync(notes, { recursive: true });
  await server.stop();
}

/** Returns the exit code of all. */
async function runAlone(again: readonly string[], summary: string): Promise<number> {
  console.log(`\nOnce more, alone: ${again.join(", ")}\n`);
  const { code, failed } = await run(again, 1);
  const unsteady = again.filter((file) => !failed.includes(file));
  console.log(`\nBeside others: ${summary}.`);
  if (unsteady.length > 0) console.log(`Unsteady, passed alone: ${unsteady.join(", ")}`);
  console.log(failed.length > 0 ? `Failed twice: ${failed.join(", ")}` : "Alone: all passed.");
  return code;
}

function everyTest(): readonly string[] {
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard", "*.test.ts"], {
    encoding: "utf8",
  });
  return listed.stdout.split("\n").filter(Boolean);
}

interface Ended {
  readonly code: number;
  /** Files in which something failed. */
  readonly failed: readonly string[];
  /** As "12 tests, 11 pass, 1 fail". */
  readonly summary: string;
}

function run(some: readonly string[], atOnce: number): Promise<Ended> {
  const note = join(notes, `${atOnce}.tap`);
  const flags = [
    ...["--import", "tsx", "--import", "./tools/patience.ts", "--test"],
    `--test-concurrency=${atOnce}`,
    ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
    ...["--test-reporter=tap", `--test-reporter-destination=${note}`],
  ];
  return new Promise((resolve) => {
    const env = { ...process.env, HOLDFAST_TEST_DATABASE: server.url };
    const child = spawn(process.execPath, [...flags, ...some], { env, stdio: "inherit" });
    child.on("exit", (code) => {
      const tap = existsSync(note) ? readFileSync(note, "utf8") : ""; // It may not even have begun.
      resolve({ code: code ?? 1, ...told(tap) });
    });
  });
}

/** From the Test Anything Protocol: where each thing that is not ok is, and the counts at the end. */
function told(tap: string): Omit<Ended, "code"> {
  const places = tap.matchAll(/^ *not ok .*\n(?:(?! *\.\.\.$).*\n)*? *location: '(.+):\d+:\d+'$/gm);
  const failed = new Set(Array.from(places, ([, file = ""]) => testsOf(file)).flat());
  const count = (what: string) =>
    `${new RegExp(`^# ${what} (\\d+)$`, "m").exec(tap)?.[1] ?? "no"} ${what}`;
  return { failed: [...failed], summary: ["tests", "pass", "fail"].map(count).join(", ") };
}

/**
 * The files that are run to run what is written in this one: contracts and seeds are written once for several, and run by
 * themselves such a file has no tests and passes.
 */
function testsOf(file: string): readonly string[] {
  const imports = (test: string) =>
    Array.from(readFileSync(test, "utf8").matchAll(/ from "(\.[^"]+)"/g), ([, path = ""]) =>
      absolute(dirname(test), path),
    );
  const found = files.filter((test) => absolute(test) === file || imports(test).includes(file));
  return found.length > 0 ? found : [relative(process.cwd(), file)];
}
