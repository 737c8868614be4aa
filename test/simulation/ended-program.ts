/**
 * Programs that are given so long, and are ended then with all that they have begun: machines and servers have process
 * groups of their own, and live on when whoever began them is killed.
 *
 * Each has a folder for temporary files to itself, and what it began is known by that: it stands in the environment of a
 * process, or in its arguments where that was begun without an environment, as QEMU is.
 */
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** For whoever cleans up behind himself when he is asked to end; milliseconds. */
const patience = 5_000;

/**
 * What a program of Node writes, run in `cwd` and with this in its environment. Rejects, with that as `stdout`, if it fails
 * or was ended by `limit`. Nothing of it is left either way.
 */
export async function outputOf(
  args: readonly string[],
  { cwd, env, limit }: { readonly cwd: string; readonly env: object; readonly limit: AbortSignal },
): Promise<string> {
  // Short: the paths of sockets in it may have a hundred letters.
  const directory = mkdtempSync(join(tmpdir(), "hf-p-"));
  chmodSync(directory, 0o711); // Machines run as nobody in particular.
  const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");
  const options = {
    ...{ cwd, maxBuffer: 2 ** 28 },
    env: { ...env, TMPDIR: directory, HOLDFAST_TEST_CACHE: cache },
  };
  const end = () => void endAll(directory);
  let pid = 0;
  limit.addEventListener("abort", end);
  try {
    return await new Promise((resolve, reject) => {
      const child = execFile(process.execPath, args, options, (error, stdout, stderr) => {
        if (error) reject(Object.assign(error, { stdout, message: `${error.message}\n${stderr}` }));
        else resolve(stdout);
      });
      pid = child.pid ?? 0;
    });
  } finally {
    limit.removeEventListener("abort", end);
    await endAll(directory);
    removeGroups(pid);
    rmSync(directory, { recursive: true });
  }
}

/** Those of machines, which the fixtures of drivers/hypervisor name after their process. Nobody is in them any more. */
function removeGroups(pid: number): void {
  const root = "/sys/fs/cgroup";
  const trees = ["", "cpu", "memory", "pids"].map((tree) => join(root, tree)).filter(existsSync);
  for (const tree of trees)
    for (const name of readdirSync(tree))
      if (name.startsWith(`holdfast-test-${pid}-`)) removeGroup(join(tree, name));
}

/** The files in it are the kernel's, and go with it. */
function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  rmdirSync(group);
}

/** Asks them, and then does not. Resolves when there are none. */
async function endAll(directory: string): Promise<void> {
  const asked = performance.now();
  const groups = new Set<number>();
  for (let signal: NodeJS.Signals = "SIGTERM"; ; ) {
    const all = processes();
    for (const { group, says } of all) if (says.includes(directory)) groups.add(group);
    groups.delete(ours(all));
    const left = all.filter(({ group, says }) => groups.has(group) || says.includes(directory));
    if (left.length === 0) return;
    for (const { pid } of left) send(pid, signal);
    await sleep(20);
    if (performance.now() - asked > patience) signal = "SIGKILL";
  }
}

interface Process {
  readonly pid: number;
  /** A machine's helpers are in its group, and may have no arguments of their own. */
  readonly group: number;
  /** Its arguments and its environment. */
  readonly says: string;
}

const ours = (all: readonly Process[]) => all.find(({ pid }) => pid === process.pid)?.group ?? 0;

/** All of this machine that have not ended. */
const processes = (): readonly Process[] =>
  readdirSync("/proc").flatMap((pid) => {
    // The name is in brackets and may hold anything; behind it are the state, the parent and the group.
    const [, state, group] = /.*\) (\S) \d+ (\d+) /s.exec(read(pid, "stat")) ?? [];
    if (state === undefined || state === "Z") return [];
    const says = `${read(pid, "cmdline")}\0${read(pid, "environ")}`;
    return [{ pid: Number(pid), group: Number(group), says }];
  });

/** Empty where there is no such process, or none any more. */
function read(pid: string, file: "cmdline" | "environ" | "stat"): string {
  try {
    return readFileSync(join("/proc", pid, file), "latin1");
  } catch {
    return "";
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {} // It has ended by itself.
}
