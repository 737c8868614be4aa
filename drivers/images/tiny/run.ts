/**
 * How the builder of the tiny image runs programs: as every image builder does, with a problem of its own.
 * The message of that names the step, so that its page can be one page.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";
import { runner as programRunner, type Run } from "../run.ts";

/** `limit` is for each program: one that takes longer is killed. */
export const runner = (limit: Duration): Run => programRunner(limit, tinyBuildFailed);

export function tinyBuildFailed(step: string, why: string, fix: string, cause?: unknown): Problem {
  const message = `The tiny image was not built: the step "${step}" failed. ${why}`;
  return problem("unavailable", "tiny_build_failed", message, { fix, facts: { step } }, cause);
}
