/**
 * Why a launch failed, for people: QEMU's own last words, and what they mean where we know it.
 *
 * Only looked into after the failure. Checking every path beforehand would slow down every start and
 * still be wrong by the time QEMU opens the file.
 */
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Exit, MachineSpec } from "./driver.ts";
import { lastWords } from "./evidence.ts";
import {
  diskInUse,
  diskLocked,
  diskUnusable,
  hostDiskFull,
  keyIsWrong,
  launchFailed,
  qemuMissing,
} from "./refusals.ts";

/** What QEMU says, and the problem that it means. In order: the first that fits. */
const diagnoses: readonly (readonly [words: RegExp, of: (said: readonly string[]) => Problem])[] = [
  [/failed to execute/, () => qemuMissing()],
  [/No space left on device/, () => hostDiskFull()],
  [/there is no tap \w+ here/, nicMissing],
  [/cannot take tap \w+: .*busy/, nicInUse],
  [/Failed to get .* lock/, diskInUse],
  [keyIsWrong, diskLocked],
  [/not in \w+ format|Could not open backing file|Image is corrupt|Could not read/, diskUnusable],
];

export async function launchProblem(spec: MachineSpec, uid: number, exit: Exit): Promise<Problem> {
  const said = lastWords(exit.hypervisorLog);
  const [, known] = diagnoses.find(([words]) => said.some((line) => words.test(line))) ?? [];
  return known?.(said) ?? (await findUnreachable(spec, uid)) ?? launchFailed(exit.status, said);
}

function nicMissing(said: readonly string[]): Problem {
  const message = "A network card of this instance has nothing on this host to be plugged into.";
  const fix = "Start it again once the host has made its networks. See: holdfast health";
  return problem("unavailable", "nic_missing", message, { fix, facts: { said } });
}

function nicInUse(said: readonly string[]): Problem {
  const message = "Another process on this host uses a network card of this instance.";
  const fix = "An older copy of this instance may still run: look with `holdfast instances show`.";
  return problem("conflict", "nic_in_use", message, { fix, facts: { said } });
}

/** A failed write before QEMU was even started. */
export const preparationProblem = (error: unknown): unknown =>
  codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT" ? hostDiskFull(error) : error;

/** A file of the machine that is not there, or that its user may not read. */
async function findUnreachable(spec: MachineSpec, uid: number): Promise<Problem | undefined> {
  const { boot, disks } = spec;
  const files = [
    ...(boot === "firmware" ? [] : [boot.kernel, boot.initrd]),
    ...disks.flatMap(({ source }) => source.files),
  ];
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (!found) return missing(file);
    const isReadable = found.uid === uid || (found.mode & 0o004) !== 0;
    const wall = isReadable ? await closedDirectory(dirname(file)) : file;
    if (wall) return closed(file, wall);
  }
  return undefined;
}

/** The first directory on the way to the root that others may not pass through. */
async function closedDirectory(dir: string): Promise<string | undefined> {
  const found = await stat(dir).catch(() => undefined);
  if (found && (found.mode & 0o001) === 0) return dir;
  return dirname(dir) === dir ? undefined : closedDirectory(dirname(dir));
}

const missing = (file: string) =>
  problem(
    "unavailable",
    "boot_file_missing",
    "A file that this machine needs is not on the host.",
    {
      fix: "Import the image again, or restore the volume.",
      facts: { file },
    },
  );

const closed = (file: string, wall: string) =>
  problem(
    "unavailable",
    "file_unreachable",
    "QEMU's own user may not read a file of this machine.",
    {
      fix: `On the host: chmod o+${file === wall ? "r" : "x"} ${wall}`,
      facts: { file },
    },
  );
