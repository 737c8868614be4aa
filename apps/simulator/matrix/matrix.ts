/**
 * All that was tried of an operation, as one row: at which points a process has ended, and what came of each.
 */

import type { Moment } from "../points.ts";
import type { Databases } from "../server.ts";
import type { Point } from "./crasher.ts";
import type { Operation } from "./operation.ts";
import { type Trial, tryOne } from "./trial.ts";

/** Points that are called the same, and came to the same. */
export interface Came {
  readonly process: "manager" | "agent" | "guard";
  readonly does: string;
  readonly moment: Moment;
  /** In words, as in the table of ends; `broken` where it must be mended. */
  readonly to: string;
  readonly times: number;
}

export interface Row {
  readonly operation: string;
  /** That were tried, and that there are. */
  readonly points: number;
  readonly of: number;
  /** From the act to rest, at the slowest point; seconds of the world. */
  readonly slowestSeconds: number;
  readonly came: readonly Came[];
}

export const broken = "broken";

export interface Tried {
  /** Among all points of the operation. */
  readonly index: number;
  readonly point: Point;
  readonly trial: Trial;
}

/** How it is without an end, and the points there are. Rejects if that is wrong by itself. */
export async function referenceOf(operation: Operation, databases: Databases): Promise<Trial> {
  const reference = await tryOne(operation, databases);
  if (reference.outcome === undefined)
    throw new Error(`${operation.name} without a crash: ${reference.wrong.join("; ")}`);
  return reference;
}

/** Every point, one after the other; `most` of them, evenly spread, if there are more. */
export async function rowOf(
  operation: Operation,
  databases: Databases,
  onTried: (tried: Tried) => void,
  most = Number.POSITIVE_INFINITY,
): Promise<Row> {
  const reference = await referenceOf(operation, databases);
  const every = Math.max(1, reference.points.length / most);
  const tried: Tried[] = [];
  for (const [index, point] of reference.points.entries()) {
    if (Math.floor(index / every) === Math.floor((index - 1) / every)) continue;
    const trial = await tryOne(operation, databases, { reference, point });
    tried.push({ index, point, trial });
    onTried({ index, point, trial });
  }
  return {
    operation: operation.name,
    ...{ points: tried.length, of: reference.points.length },
    slowestSeconds: Math.round(Math.max(0, ...tried.map(({ trial }) => trial.settledIn)) / 1_000),
    came: counted(tried),
  };
}

function counted(tried: readonly Tried[]): readonly Came[] {
  const counts = new Map<string, Came>();
  for (const { point, trial } of tried) {
    const { does, moment } = point;
    const to = trial.outcome ?? broken;
    const process = kindOf(point);
    const key = [process, does, moment, to].join("|");
    counts.set(key, { process, does, moment, to, times: (counts.get(key)?.times ?? 0) + 1 });
  }
  return [...counts.values()];
}

export function kindOf({ process }: Point): Came["process"] {
  if (process.startsWith("agent")) return "agent";
  return process.startsWith("guard") ? "guard" : "manager";
}
