/**
 * A disk that answers every write with an error, for one process: strace changes what the system calls return.
 *
 * Filters in the kernel that could do this (device mapper, fault injection) would be under every file of the machine.
 * strace ends with whoever started it, however that ends (`pdeathsig`): a process that is left traced would never
 * write again.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessId } from "@holdfast/drivers/hypervisor/process";
import type { Mending } from "./mending.ts";
import { notPossible } from "./site.ts";

export interface FailingDisk {
  /** When the first write failed, in milliseconds since the epoch; undefined if none did within that time. */
  first(within: number): Promise<number | undefined>;
}

const calls = ["pwrite64", "pwritev", "fdatasync"].join();

/** Resolves when writes fail. Rejects with `drill_not_possible` where strace is missing or may not do it. */
export async function failWrites(
  { pid }: ProcessId,
  file: string,
  mending: Mending,
): Promise<FailingDisk> {
  let child: ChildProcessByStdio<null, null, Readable> | undefined;
  let ended: Promise<void> | undefined;
  mending.promise(async () => {
    child?.kill("SIGINT"); // It lets go of its threads first.
    await ended;
  });
  const trace = ["-f", "-ttt", "-P", file, "-p", `${pid}`];
  const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=EIO`];
  const strace = spawn("setpriv", ["--pdeathsig", "TERM", "strace", ...trace, ...inject], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  child = strace;
  ended = new Promise((resolve) => strace.once("close", () => resolve()));
  strace.once("error", () => {}); // Then it ends, and has said nothing.
  let said = "";
  const hears = <T>(find: (said: string) => T | undefined) =>
    new Promise<T>((resolve) => {
      const look = () => {
        const found = find(said);
        if (found === undefined) return;
        strace.stderr.off("data", look);
        resolve(found);
      };
      strace.stderr.on("data", look);
      look();
    });
  strace.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const hit = hears(firstFailure);
  const isAttached = await Promise.race([
    hears((text) => /attached/.test(text) || undefined),
    ended.then(() => false),
  ]);
  if (isAttached)
    return { first: (within) => Promise.race([hit, ended, sleep(within)]).then(known) };
  const lastWords = said.trim().split("\n").at(-1) || "it cannot be run";
  throw notPossible(`strace does not do it: ${lastWords}`, {
    fix: "apt-get install strace, and run the drill as root",
  });
}

// biome-ignore lint/suspicious/noConfusingVoidType: what a race is won with by those who have nothing to say.
const known = (at: number | void) => at ?? undefined;

/** Of strace's lines, `[pid 123] 1795275194.562 pwrite64(11, …) = -1 EIO (Input/output error) (INJECTED)`. */
export function firstFailure(said: string): number | undefined {
  const [, time] = /(\d+\.\d+) [^\n]*\(INJECTED\)/.exec(said) ?? [];
  return time === undefined ? undefined : Math.round(Number(time) * 1_000);
}
