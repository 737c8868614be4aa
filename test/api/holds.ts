/**
 * A property of many requests, replayable.
 *
 * The seed is fixed, so that a failure is about the change and not about luck. To look further,
 * HOLDFAST_FUZZ_RUNS=10 multiplies the number of requests and HOLDFAST_FUZZ_SEED=N chooses others; what was
 * found is printed with its seed and path.
 */
import assert from "node:assert/strict";
import fc, { type Arbitrary } from "fast-check";
import type { Operation } from "./document.ts";

const factor = Number(process.env.HOLDFAST_FUZZ_RUNS ?? 1);
export const seed = Number(process.env.HOLDFAST_FUZZ_SEED ?? 20_261_121);

/** Fails with what was asked, what fast-check needs to replay it, and why it was wrong. */
export async function holds<T>(
  about: string,
  values: Arbitrary<T>,
  usual: number,
  property: (value: T) => Promise<void>,
): Promise<void> {
  // Not the same values everywhere: a key that was used for one operation is spent for the others.
  const own = [...about].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 2 ** 31, seed);
  const settings = { seed: own, numRuns: Math.ceil(usual * factor) };
  const found = await fc.check(fc.asyncProperty(values, property), settings);
  if (!found.failed) return;
  const why = found.errorInstance;
  const report = String(fc.defaultReportMessage(found)).slice(0, 3_000);
  assert.fail(`${about}: ${why instanceof Error ? why.message : why}\n${report}`);
}

export const name = ({ method, path }: Operation) => `${method} ${path}`;
