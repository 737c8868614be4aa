/** A goal that is missed is said to be, and a drill that did not happen meets none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Report, reportOf } from "../apps/drill/report.ts";
import { type Figures, type Row, spread, summaryOf } from "./recovery-figures.ts";

const panic = (up: number, change: Partial<Report["outcomes"][number]> = {}): Report => {
  const outcome = {
    ...{ instance: "first", named: "guest-panic", says: undefined, confidence: undefined },
    timeline: { traced: 30, detected: 90, cause: 95, launched: 300, up },
    ...{ isRight: true, from: "host-1", to: "host-1", ...change },
  };
  return reportOf("guest-panic", "first", {
    ...{ injectedAt: 1, outcomes: [outcome], isAsExpected: outcome.isRight },
  });
};

const figures = (...all: readonly Report[]): Figures => ({
  reports: new Map<Row, readonly Report[]>([["guest-panic", all]]),
  plain: [{ wall: 5_000, cpu: 4_000 }],
  again: new Map<Row, Figures["plain"]>([["guest-panic", [{ wall: 5_500, cpu: 4_100 }]]]),
  failures: [],
});

test("with every goal met and every cause named right all is well", () => {
  const { text, isMet } = summaryOf(figures(panic(5_500), panic(5_600), panic(9_000)));
  assert.equal(isMet, true, text);
  assert.match(text, /guest-panic: up again, of a plain start: 1\.12/);
  assert.match(text, /guest-panic +3 of 3 +guest-panic 3/);
});

test("a recovery that takes longer than it may misses its goal", () => {
  const { text, isMet } = summaryOf(figures(panic(6_500), panic(6_600), panic(5_000)));
  assert.equal(isMet, false);
  assert.match(text, /NOT MET +guest-panic: up again, of a plain start: 1\.30/);
});

test("one wrong cause among right ones is a failure", () => {
  const wrong = panic(5_500, { named: "qemu-killed", isRight: false });
  const { text, isMet } = summaryOf(figures(panic(5_500), panic(5_500), wrong));
  assert.equal(isMet, false);
  assert.match(text, /guest-panic +2 of 3 +guest-panic 2; qemu-killed 1/);
  assert.match(text, /not as expected: guest-panic/);
});

test("a step that never happened meets no goal, and a drill that could not be done is a failure", () => {
  const never = reportOf("guest-panic", "first", { injectedAt: 1, isAsExpected: true });
  assert.equal(summaryOf(figures(never)).isMet, false);
  const failures = ["host-cut: the room does not answer"];
  assert.equal(summaryOf({ ...figures(panic(5_500)), failures }).isMet, false);
});

test("a spread is the median with the least and the most", () => {
  assert.equal(spread([37, 27, 44]), "0.037 (0.027 to 0.044)");
  assert.equal(spread([12_345]), "12.3 (12.3 to 12.3)");
  assert.equal(spread([]), "-");
});
