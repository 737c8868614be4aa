/**
 * Runs one program of Debian for an image builder and turns every way it can fail into one problem that
 * says which step it was and what to type.
 *
 * Output is collected, not shown: at most 64 MiB, which no step comes near. Whoever wants to see how far a
 * program is gives `onLine`, which hears its error stream, because that is where programs say so.
 */
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";

/** `step` is for people: "unpack the kernel". `fix` is what to do if it fails. Resolves with stdout. */
export type Run = (
  step: string,
  argv: readonly [string, ...string[]] | readonly string[],
  fix: string,
  options?: RunOptions,
) => Promise<string>;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
}

/** What a builder says of a step that failed, and why. */
export type Failed = (step: string, why: string, fix: string, cause?: unknown) => Problem;

/** Which package brings a program that might be missing. */
const packageOf: Readonly<Record<string, string>> = {
  "apt-cache": "apt",
  "apt-get": "apt",
  bash: "bash",
  env: "coreutils",
  "qemu-img": "qemu-utils",
  sfdisk: "fdisk",
  unshare: "util-linux",
  xz: "xz-utils",
};

const execute = promisify(execFile);

/**
 * `limit` is for each program: one that takes longer is killed. So is one that runs when `signal` fires;
 * the run then rejects with the signal's reason.
 */
export function runner(limit: Duration, failed: Failed, signal?: AbortSignal): Run {
  return async (step, argv, fix, { onLine, ...options } = {}) => {
    signal?.throwIfAborted();
    const [program = "", ...rest] = argv;
    const running = execute(program, rest, {
      ...options,
      encoding: "latin1",
      maxBuffer: 64 << 20,
      timeout: limit,
      killSignal: "SIGKILL",
    });
    const { child } = running;
    // Not execFile's own way to abort: that asks with SIGTERM, which not every program heeds.
    const end = () => void child.kill("SIGKILL");
    signal?.addEventListener("abort", end);
    if (onLine && child.stderr) createInterface({ input: child.stderr }).on("line", onLine);
    try {
      // It settles only when everybody has gone who has the output of the program, its children too: so
      // nobody is left who could still write somewhere.
      return (await running).stdout;
    } catch (cause) {
      signal?.throwIfAborted();
      throw failure(step, program, fix, limit, failed, cause);
    } finally {
      signal?.removeEventListener("abort", end);
    }
  };
}

function failure(
  step: string,
  program: string,
  fix: string,
  limit: Duration,
  failed: Failed,
  cause: unknown,
) {
  // What execFile rejects with; every field may be absent.
  const error = cause as { code?: unknown; killed?: boolean; stderr?: string };
  if (error.code === "ENOENT") {
    const owner = packageOf[program] ?? program;
    return failed(
      step,
      `The program ${program} is not installed.`,
      `Type \`apt-get install ${owner}\`, then try again.`,
      cause,
    );
  }
  if (error.killed) return failed(step, `It took longer than ${limit / 1000} seconds.`, fix, cause);
  const said = (error.stderr ?? "").trim().split("\n").slice(-3).join(" ");
  return failed(step, said || `${program} ended with ${String(error.code)}.`, fix, cause);
}
