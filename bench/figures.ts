/**
 * What every bench ends with: its figures and its curves, in one shape, so that `bench/all.ts` can print
 * and draw them all. A bench calls `deliver` once, at its end.
 *
 * A figure without a second side, or a ratio, says little on a machine that is shared: the same work took five
 * times as long an hour later. Give a floor or a peer that was measured in turns with it.
 *
 *     await deliver({
 *       bench: "placement",
 *       what: "choices with their reservations, all constraints at once",
 *       figures: [{
 *         name: "best-fit at 100,000 hosts",
 *         what: "placements per second of processor time, beside a linear scan",
 *         sides: [{ name: "holdfast", value: 210_000, unit: "/s" }, { name: "linear scan", value: 500, unit: "/s" }],
 *         goal: { of: "value", must: 100_000, better: 1_000_000, atLeast: true },
 *       }],
 *       curves: [{
 *         name: "placement-cost", title: "Cost of one placement",
 *         x: { label: "hosts", unit: "" }, y: { label: "each", unit: "us" },
 *         lines: [{ name: "best-fit", points: [{ x: 1_000, y: 5 }, { x: 10_000, y: 5.5 }, { x: 100_000, y: 6 }] }],
 *       }],
 *     });
 */
import { writeFileSync } from "node:fs";
import { table, whole } from "./measure.ts";

/** One of those that were measured in turns. */
export interface Side {
  readonly name: string;
  readonly value: number;
  /** `/s`, `ms`, `us`, `B`, `%`, `x`, `s`, `MiB`, or a noun. Sides of one figure have the same. */
  readonly unit: string;
}

export interface Goal {
  /** Whether it is set for what we reach, or for how that stands to the other side. */
  readonly of: "value" | "ratio";
  readonly must: number;
  readonly better?: number;
  /** More is better. Without it, less is. */
  readonly atLeast?: boolean;
}

export interface Figure {
  /** Short, and its own within the bench. */
  readonly name: string;
  /** What was measured, for somebody who does not know the bench. */
  readonly what: string;
  /** Ours first, then the floor or the peer of the same run, then any more. */
  readonly sides: readonly [Side, ...Side[]];
  /** Undefined: ours divided by the second side, if there is one. */
  readonly ratio?: number;
  readonly goal?: Goal;
}

export interface Axis {
  readonly label: string;
  readonly unit: string;
}

/** Both axes are logarithmic: how cost grows is the slope. */
export interface Curve {
  /** Kebab-case, and its own among all benches: `docs/benchmarks/NAME.svg`. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

export interface Line {
  readonly name: string;
  /** At least two, above zero, by x. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface BenchResult {
  /** The name of its file, without `.ts`. */
  readonly bench: string;
  /** What it measures, in a sentence. */
  readonly what: string;
  readonly figures: readonly Figure[];
  readonly curves?: readonly Curve[];
  /** What a reader must know to read them right. */
  readonly notes?: readonly string[];
  /** Why it could not run here. Then there are no figures. */
  readonly cannot?: string;
}

/** Prints it, and writes it as JSON to the file named by `BENCH_REPORT`, if there is one. */
export function deliver(result: BenchResult): void {
  console.log(`\n${textOf(result)}`);
  const { BENCH_REPORT: file } = process.env;
  if (file) writeFileSync(file, JSON.stringify(result));
}

export function textOf({ figures, notes = [], cannot }: BenchResult): string {
  if (cannot) return `cannot run here: ${cannot}`;
  const rows = figures.map((figure) => [
    figure.name,
    ...[0, 1].map((side) => sideText(figure.sides[side])),
    ratioText(figure),
    goalText(figure.goal),
    standing(figure) ?? "",
  ]);
  const heads = ["", "ours", "against", "ratio", "goal", ""];
  return [table([heads, ...rows]), ...notes].join("\n");
}

/** Ours divided by the second side, or as the bench says. */
function ratioOf({ ratio, sides: [ours, other] }: Figure): number | undefined {
  if (ratio !== undefined) return ratio;
  return other && other.value !== 0 ? ours.value / other.value : undefined;
}

export type Standing = "better" | "met" | "not met";

/** Undefined: nobody has set a goal. */
export function standing(figure: Figure): Standing | undefined {
  const { goal } = figure;
  if (!goal) return undefined;
  const value = goal.of === "value" ? figure.sides[0].value : ratioOf(figure);
  if (value === undefined || !Number.isFinite(value)) return "not met";
  const reaches = (one: number) => (goal.atLeast ? value >= one : value <= one);
  if (goal.better !== undefined && reaches(goal.better)) return "better";
  return reaches(goal.must) ? "met" : "not met";
}

export function goalText(goal: Goal | undefined): string {
  if (!goal) return "";
  const better = goal.better === undefined ? "" : `, better ${quantity(goal.better)}`;
  const of = goal.of === "ratio" ? "ratio " : "";
  return `${of}${goal.atLeast ? "at least" : "at most"} ${quantity(goal.must)}${better}`;
}

export function ratioText(figure: Figure): string {
  const ratio = ratioOf(figure);
  return ratio === undefined ? "" : quantity(ratio);
}

export function sideText(side: Side | undefined): string {
  if (!side) return "";
  const { value, unit } = side;
  const gap = /^[/%x]/.test(unit) || unit === "" ? "" : " ";
  return `${quantity(value)}${gap}${unit}`;
}

/** Three figures that count, and no more zeros than that. */
export function quantity(value: number): string {
  if (!Number.isFinite(value)) return "?";
  const size = Math.abs(value);
  if (size >= 100) return whole(value);
  return String(Number(value.toPrecision(size >= 10 ? 3 : 2 + (size >= 1 ? 1 : 0))));
}
