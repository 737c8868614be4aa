/**
 * What bench/recovery.ts makes of its reports: medians with their spread, what was named, and whether the goals
 * are met. Pure, so that a goal that cannot be missed is found by a test.
 *
 * A step that never happened has no median, and a goal about it is not met.
 */
import type { DrillName } from "../apps/drill/drills.ts";
import type { Outcome, Report } from "../apps/drill/report.ts";
import type { Timeline } from "../apps/drill/timeline.ts";
import { median, table, verdict } from "./measure.ts";

/** A drill, as it is counted here: the cut is done with and without a BMC that answers. */
export type Row = DrillName | "host-cut, no BMC";

/** Both in milliseconds; `cpu` is processor time of its QEMU until it was up. */
export interface Boot {
  readonly wall: number;
  readonly cpu: number;
}

export interface Figures {
  readonly reports: ReadonlyMap<Row, readonly Report[]>;
  /** Plain starts, and the boots after deaths by drill. */
  readonly plain: readonly Boot[];
  readonly again: ReadonlyMap<Row, readonly Boot[]>;
  /** Attempts that could not be made, in words. */
  readonly failures: readonly string[];
}

/** What is printed, and whether every goal was met. */
export function summaryOf(figures: Figures): { readonly text: string; readonly isMet: boolean } {
  const all = [...figures.reports];
  const deaths = all.filter(([, [first]]) => (first?.outcomes.length ?? 0) > 0);
  const lives = all.filter(([, [first]]) => (first?.witnesses.length ?? 0) > 0);
  const goals = goalsOf(figures);
  const faults = [...figures.failures, ...all.flatMap(([row, many]) => many.flatMap(faultOf(row)))];
  const text = [
    `plain start: ${spread(figures.plain.map(({ wall }) => wall))} s, processor time ${spread(figures.plain.map(({ cpu }) => cpu))} s, ${figures.plain.length} times`,
    deathTable(deaths),
    lifeTable(lives),
    namedTable(deaths),
    goals.map(({ says }) => says).join("\n"),
    faults.map((fault) => `  not as expected: ${fault}`).join("\n"),
  ];
  return {
    text: text.filter(Boolean).join("\n\n"),
    isMet: faults.length === 0 && goals.every(({ isMet }) => isMet),
  };
}

const steps = ["traced", "detected", "cause", "proof", "launched", "up"] as const;
type Rows = readonly (readonly [Row, readonly Report[]])[];

function deathTable(rows: Rows): string {
  if (rows.length === 0) return "";
  return table([
    ["from the blow, s: median (least to most)", "times", ...steps, "host back"],
    ...rows.map(([row, all]) => [
      row,
      String(all.length),
      ...steps.map((step) => spread(stepsOf(all, step))),
      spread(all.flatMap(({ back }) => back ?? [])),
    ]),
  ]);
}

function lifeTable(rows: Rows): string {
  if (rows.length === 0) return "";
  return table([
    ["what no guest may notice, s", "times", "away", "back", "guests that noticed"],
    ...rows.map(([row, all]) => {
      const witnesses = all.flatMap((one) => one.witnesses);
      return [
        row,
        String(all.length),
        spread(all.flatMap(({ noticed }) => noticed ?? [])),
        spread(all.flatMap(({ back }) => back ?? [])),
        `${witnesses.filter(({ faults }) => faults.length > 0).length} of ${witnesses.length}`,
      ];
    }),
  ]);
}

function namedTable(rows: Rows): string {
  if (rows.length === 0) return "";
  const right = (all: readonly Report[]) => {
    const outcomes = all.flatMap((one) => one.outcomes);
    return `${outcomes.filter(({ isRight }) => isRight).length} of ${outcomes.length}`;
  };
  return table([
    ["injected", "right", "named"],
    ...rows.map(([row, all]) => [row, right(all), named(all)]),
    ["all", right(rows.flatMap(([, all]) => all)), ""],
  ]);
}

function named(all: readonly Report[]): string {
  const counts = new Map<string, number>();
  for (const { named: first = "nothing", amendedTo } of all.flatMap(({ outcomes }) => outcomes)) {
    const words = amendedTo ? `${first}, then ${amendedTo}` : first;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].map(([words, count]) => `${words} ${count}`).join("; ");
}

interface Goal {
  readonly says: string;
  readonly isMet: boolean;
}

/** In seconds; `what` says so. */
function goal(what: string, value: number, must: number): Goal {
  return { says: verdict(what, value, { must }), isMet: value <= must };
}

function goalsOf({ reports, plain, again }: Figures): readonly Goal[] {
  const boot = median(plain.map(({ wall }) => wall));
  const seconds = (all: readonly Report[], step: keyof Timeline) =>
    median(stepsOf(all, step)) / 1_000;
  const guests = (["guest-panic", "qemu-crash"] as const).flatMap((row) => {
    const all = reports.get(row) ?? [];
    if (all.length === 0) return [];
    const lag = median(all.flatMap(({ outcomes }) => outcomes.map(lagOf))) / 1_000;
    const cpu = median((again.get(row) ?? []).map((one) => one.cpu));
    const ratio = cpu / median(plain.map((one) => one.cpu));
    return [
      goal(`${row}: detected, s after its first trace`, lag, 0.1),
      goal(`${row}: cause known, s`, seconds(all, "cause"), 1),
      goal(`${row}: up again, of a plain start`, median(stepsOf(all, "up")) / boot, 1.2),
      goal(`${row}: the same in processor time of its QEMU`, ratio, 1.2),
    ];
  });
  const limits = [
    ["host-cut", 8],
    ["host-cut, no BMC", 17],
  ] as const;
  const hosts = limits.flatMap(([row, limit]) => {
    const all = reports.get(row) ?? [];
    if (all.length === 0) return [];
    const latest = limit + (1.2 * boot) / 1_000;
    return [
      goal(`${row}: proof, s`, seconds(all, "proof"), limit),
      goal(`${row}: runs elsewhere, s`, seconds(all, "launched"), limit),
      goal(`${row}: guest up elsewhere, s`, seconds(all, "up"), latest),
    ];
  });
  return [...guests, ...hosts];
}

/** A guest takes its time to panic; what counts is when its host could know. */
function lagOf({ timeline: { traced = 0, detected = Number.NaN } }: Outcome): number {
  return detected - traced;
}

const faultOf = (row: Row) => (report: Report) =>
  report.isAsExpected ? [] : [`${row}: ${JSON.stringify(report)}`];

function stepsOf(all: readonly Report[], step: keyof Timeline): readonly number[] {
  return all.flatMap(({ outcomes }) => outcomes.flatMap(({ timeline }) => timeline[step] ?? []));
}

/** `0.037 (0.027 to 0.044)`, of milliseconds. */
export function spread(numbers: readonly number[]): string {
  if (numbers.length === 0) return "-";
  const [middle, least, most] = [median(numbers), Math.min(...numbers), Math.max(...numbers)];
  return `${inSeconds(middle)} (${inSeconds(least)} to ${inSeconds(most)})`;
}

const inSeconds = (milliseconds: number) => {
  const seconds = milliseconds / 1_000;
  return seconds.toFixed(seconds < 1 ? 3 : 1);
};
