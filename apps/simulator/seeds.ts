/** Runs of many seeds: what each is like, and what to do with one in which something broke. */
import { type Item, kindsOfFault } from "./plan.ts";
import { type Outcome, type RunOptions, run } from "./run.ts";
import type { Databases } from "./server.ts";
import { kindOf, shrink } from "./shrink.ts";
import { itemText, lineText } from "./text.ts";

/** What a seed of `npm run check` is: small, so that there can be many. */
export const smallCloud = (seed: number): RunOptions => ({
  seed,
  hosts: 3,
  instances: 4,
  managers: seed % 3 === 0 ? 1 : 2,
  faults: kindsOfFault,
  length: 40_000,
  faultEvery: 2_500,
  wishEvery: 3_000,
  // The world is watched by the same rules after each commit. What managers ask for that costs as much again.
  settings: { "manager.invariants": seed % 4 === 0 ? 5 : 0 },
});

export interface Shrinking {
  readonly outcome: Outcome;
  readonly runs: number;
}

/** The same going wrong, with as little as possible happening to the world before. */
export async function shrinkRun(
  broken: Outcome,
  databases: Databases,
  most: number,
  onTry: (left: number) => void = () => {},
): Promise<Shrinking> {
  const kinds = new Set(broken.violations.map(kindOf));
  let best = broken;
  const { runs } = await shrink<Item>(
    broken.plan,
    async (plan) => {
      const outcome = await run({ ...broken.options, plan }, databases);
      const isSame = outcome.violations.some((violation) => kinds.has(kindOf(violation)));
      if (isSame) best = outcome;
      onTry(best.plan.length);
      return isSame;
    },
    most,
  );
  return { outcome: best, runs };
}

/** Everything that somebody needs who mends it. */
export function brokenText({ outcome, runs }: Shrinking, command: string): string {
  const { options, violations, plan, lines } = outcome;
  const last = lines.slice(-60);
  return [
    `seed ${options.seed} breaks what must hold:`,
    ...violations.map((violation) => `  ${violation}`),
    "",
    `Shrunk to ${plan.length} things that happen, in ${runs} runs (seconds after the cloud has come up):`,
    ...plan.map((item) => `  ${itemText(item)}`),
    "",
    `How it went${lines.length > last.length ? `, the last ${last.length} lines of ${lines.length}` : ""}:`,
    ...last.map((line) => `  ${lineText(line)}`),
    "",
    `See it again: ${command}`,
  ].join("\n");
}
