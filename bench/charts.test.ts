/** What a growth curve says of itself, and that it says the same each time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawCurve, exponentOf } from "./charts.ts";
import { type Figure, quantity, standing } from "./figures.ts";

const powers = (exponent: number) =>
  [1_000, 10_000, 100_000].map((x) => ({ x, y: 7 * x ** exponent }));
const chart = (lines: Parameters<typeof drawCurve>[0]["lines"]) =>
  drawCurve({
    ...{ name: "cost", title: "Cost < of one & all", lines },
    x: { label: "hosts", unit: "" },
    y: { label: "each", unit: "us" },
  });

test("the exponent of a power is that power, and noise of a tenth moves it little", () => {
  for (const exponent of [0, 0.5, 1, 2])
    assert.ok(Math.abs(exponentOf(powers(exponent)) - exponent) < 1e-9);
  const noisy = powers(1).map(({ x, y }, i) => ({ x, y: y * (i === 1 ? 1.1 : 1) }));
  assert.ok(Math.abs(exponentOf(noisy) - 1) < 0.05);
});

test("a chart names each line with its exponent, and labels do not cover each other", () => {
  const svg = chart([
    { name: "ours", points: powers(0) },
    { name: "theirs", points: powers(0.01) },
    { name: "scan", points: powers(1) },
  ]);
  assert.match(svg, /Cost &lt; of one &amp; all/);
  assert.match(svg, />ours<[\s\S]*n\^0\.00<[\s\S]*>scan<[\s\S]*n\^1\.00</);
  const heights = [...svg.matchAll(/<text x="\d+" y="([\d.]+)">/g)].map(([, y]) => Number(y));
  assert.equal(heights.length, 3);
  const gaps = heights.sort((a, b) => a - b).map((y, i, all) => y - (all[i - 1] ?? -100));
  assert.ok(Math.min(...gaps) >= 30, `${gaps}`);
});

test("a number that has no logarithm is refused rather than drawn at the edge", () => {
  assert.throws(() => chart([{ name: "ours", points: [{ x: 1, y: 0 }, ...powers(1)] }]), /above/);
});

test("whether a goal is met follows its direction, and is about the ratio where it says so", () => {
  const figure = (goal: Figure["goal"], value: number, other?: number): Figure => ({
    ...{ name: "f", what: "w", ...(goal ? { goal } : {}) },
    sides: [
      { name: "ours", value, unit: "ms" },
      ...(other === undefined ? [] : [{ name: "floor", value: other, unit: "ms" }]),
    ],
  });
  assert.equal(standing(figure({ of: "value", must: 60, better: 25 }, 20)), "better");
  assert.equal(standing(figure({ of: "value", must: 60, better: 25 }, 60)), "met");
  assert.equal(standing(figure({ of: "value", must: 60 }, 61)), "not met");
  assert.equal(standing(figure({ of: "ratio", must: 4, atLeast: true }, 100, 30)), "not met");
  assert.equal(standing(figure({ of: "ratio", must: 4, atLeast: true }, 100, 25)), "met");
  assert.equal(standing(figure({ of: "ratio", must: 4 }, 100)), "not met"); // Nobody to stand beside.
  assert.equal(standing(figure(undefined, 1)), undefined);
  assert.deepEqual([123_456, 12.34, 1.234, 0.01234].map(quantity), [
    "123,456",
    "12.3",
    "1.23",
    "0.012",
  ]);
});
