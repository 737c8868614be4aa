/**
 * Everything that runs on a simulated host, and signals to all of it at once.
 *
 * What was started in the host's network namespace stays in it, so that is the surest mark; the state
 * directory in the environment and the run directory on the command line find what is left when the
 * namespace was taken away by somebody. A file that somebody merely reads is not enough to be killed for.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Whose {
  readonly namespaceInode: number | null;
  /** State directory of the host. */
  readonly state: string;
}
export interface Found {
  readonly pid: number;
  /** As the kernel says it: R, S, D, T, … */
  readonly condition: string;
  readonly isSupervisor: boolean;
}

/** Programs that a host runs guests with; they know their run directory and no environment. */
const guestPrograms = /(^|\/)(qemu-[\w-]+|setpriv|unshare|nsenter|perl|sh)$/;

export function processesOf(whose: Whose): readonly Found[] {
  const found: Found[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const stat = textOf(`/proc/${pid}/stat`);
    const condition = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
    if (condition === "" || "ZX".includes(condition)) continue;
    const words = textOf(`/proc/${pid}/cmdline`).split("\0");
    if (isOf(whose, pid, words))
      found.push({
        pid,
        condition,
        isSupervisor: words.some((word) => word.endsWith("/supervisor.js")),
      });
  }
  return found;
}

function isOf({ namespaceInode, state }: Whose, pid: number, words: readonly string[]): boolean {
  if (namespaceInode !== null && netOf(pid) === `net:[${namespaceInode}]`) return true;
  if (textOf(`/proc/${pid}/environ`).split("\0").includes(`HOLDFAST_STATE=${state}`)) return true;
  return guestPrograms.test(words[0] ?? "") && words.some((word) => word.includes(`${state}/run/`));
}

/** kill -9, again and again until nothing is left: a process may start another while it is being killed. */
export async function killAll(whose: Whose, patience: number): Promise<boolean> {
  const until = performance.now() + patience;
  for (;;) {
    const left = processesOf(whose);
    if (left.length === 0) return true;
    if (performance.now() > until) return false;
    send(supervisorFirst(left), "SIGKILL");
    await sleep(10);
  }
}

/** Everything stands still afterwards, what was being started meanwhile as well. */
export async function stopAll(whose: Whose, patience: number): Promise<boolean> {
  const until = performance.now() + patience;
  for (;;) {
    const moving = processesOf(whose).filter(({ condition }) => condition !== "T");
    if (moving.length === 0) return true;
    if (performance.now() > until) return false;
    send(supervisorFirst(moving), "SIGSTOP");
    await sleep(10);
  }
}

/** In the opposite order of `stopAll`: whoever looks after the others is the last to look around. */
export function continueAll(whose: Whose): void {
  send(supervisorFirst(processesOf(whose)).reverse(), "SIGCONT");
}

/** One program of the host, by the name of its script. */
export function findProgram(
  whose: Whose,
  name: "agent" | "guard" | "supervisor",
): number | undefined {
  const isIt = ({ pid }: Found) =>
    textOf(`/proc/${pid}/cmdline`)
      .split("\0")
      .some((word) => word.endsWith(`/${name}.js`));
  return processesOf(whose).find(isIt)?.pid;
}

export function send(targets: readonly { readonly pid: number }[], signal: NodeJS.Signals): void {
  for (const { pid } of targets)
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended in between.
    }
}

const supervisorFirst = (all: readonly Found[]) =>
  [...all].sort((a, b) => Number(b.isSupervisor) - Number(a.isSupervisor));

function netOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return ""; // It has ended.
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // It has ended.
  }
}
