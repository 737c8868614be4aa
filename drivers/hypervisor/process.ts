/**
 * Processes of this host, told apart even after their numbers have been used again.
 *
 * A process is a number and the tick at which it started. A zombie counts as gone: it holds no
 * memory, no lock and no guest, and whoever should reap it may take its time.
 */
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";

export interface ProcessId {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after the host's boot. */
  readonly startTicks: number;
}

/** Reads a line of /proc/PID/stat. The name in it may contain spaces and brackets. */
export function parseStat(line: string): (ProcessId & { readonly state: string }) | undefined {
  const pid = Number.parseInt(line, 10);
  const rest = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [rest[0], Number(rest[19])];
  if (!Number.isInteger(pid) || !state || !Number.isInteger(startTicks)) return undefined;
  return { pid, startTicks, state };
}

/** A process by its number as it is now, or undefined if there is none, or only its remains. */
export function findProcess(pid: number): ProcessId | undefined {
  try {
    const found = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    return found && !"ZX".includes(found.state) ? found : undefined;
  } catch {
    return undefined;
  }
}

export const isAlive = ({ pid, startTicks }: ProcessId) =>
  findProcess(pid)?.startTicks === startTicks;

/** Sends a signal, if the process is still the one that was meant. False if it is gone. */
export function signal(target: ProcessId, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    return process.kill(target.pid, name);
  } catch {
    return false; // It ended between the look and the blow.
  }
}

/**
 * Every process whose command line mentions `text`, with the program it runs. Reads all of /proc, so
 * it is for the rare case that a record is incomplete.
 */
export async function processesMentioning(
  text: string,
): Promise<readonly (ProcessId & { readonly program: string })[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      const found = line.includes(text) ? findProcess(pid) : undefined;
      return found && { ...found, program: line.slice(0, line.indexOf("\0")) };
    }),
  );
  return all.filter((found) => found !== undefined);
}

/** A process with more is not followed thread by thread. QEMU has some ten, and 64 for busy disks. */
const mostThreads = 1_024;

/**
 * Writes down the threads that a process has now: a kernel names the thread that crashed, and it is gone
 * by then. `pidFile` holds the process's line of /proc/PID/stat.
 */
export async function rememberThreads(file: string, pidFile: string): Promise<void> {
  const process = parseStat(await readFile(pidFile, "latin1").catch(() => ""));
  if (!process || !isAlive(process)) return;
  const now = await readdir(`/proc/${process.pid}/task`).catch(() => []);
  const known = (await readFile(file, "latin1").catch(() => "")).split("\n").filter(Boolean);
  const all = [...new Set([...known, ...now])];
  if (all.length === known.length) return;
  await writeFile(file, `${all.slice(-mostThreads).join("\n")}\n`, { mode: 0o600 }).catch(() => {});
}

/** The process of `pidFile`, and all threads it was ever seen with. */
export async function recallThreads(file: string, pidFile: string): Promise<ReadonlySet<number>> {
  const pid = parseStat(await readFile(pidFile, "latin1").catch(() => ""))?.pid;
  const threads = (await readFile(file, "latin1").catch(() => "")).split("\n").filter(Boolean);
  return new Set([...(pid === undefined ? [] : [pid]), ...threads.map(Number)]);
}
