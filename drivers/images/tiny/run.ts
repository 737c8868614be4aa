/**
 * Runs one program of Debian for the image builder and turns every way it can fail into one problem
 * that says which step it was and what to type.
 *
 * Output is collected, not shown: at most 64 MiB, which no step comes near.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";

/** `step` is for people: "unpack the kernel". `fix` is what to do if it fails. Resolves with stdout. */
export type Run = (
  step: string,
  argv: readonly [string, ...string[]] | readonly string[],
  fix: string,
  options?: { readonly cwd?: string },
) => Promise<string>;

/** Which package brings a program that might be missing. */
const packageOf: Readonly<Record<string, string>> = {
  "apt-cache": "apt",
  "apt-get": "apt",
  bash: "bash",
  env: "coreutils",
  "qemu-img": "qemu-utils",
  xz: "xz-utils",
};

const execute = promisify(execFile);

/** `limit` is for each program: one that takes longer is killed. */
export function runner(limit: Duration): Run {
  return async (step, argv, fix, options = {}) => {
    const [program = "", ...rest] = argv;
    try {
      const { stdout } = await execute(program, rest, {
        ...options,
        encoding: "latin1",
        maxBuffer: 64 << 20,
        timeout: limit,
        killSignal: "SIGKILL",
      });
      return stdout;
    } catch (cause) {
      throw failure(step, program, fix, limit, cause);
    }
  };
}

export function tinyBuildFailed(step: string, why: string, fix: string, cause?: unknown): Problem {
  const message = `The tiny image was not built: the step "${step}" failed. ${why}`;
  return problem("unavailable", "tiny_build_failed", message, { fix, facts: { step } }, cause);
}

function failure(step: string, program: string, fix: string, limit: Duration, cause: unknown) {
  // What execFile rejects with; every field may be absent.
  const error = cause as { code?: unknown; killed?: boolean; stderr?: string };
  if (error.code === "ENOENT") {
    const owner = packageOf[program] ?? program;
    return tinyBuildFailed(
      step,
      `The program ${program} is not installed.`,
      `Type \`apt-get install ${owner}\`, then try again.`,
      cause,
    );
  }
  if (error.killed)
    return tinyBuildFailed(step, `It took longer than ${limit / 1000} seconds.`, fix, cause);
  const said = (error.stderr ?? "").trim().split("\n").slice(-3).join(" ");
  return tinyBuildFailed(step, said || `${program} ended with ${String(error.code)}.`, fix, cause);
}
