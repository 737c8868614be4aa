/** Which templates processes are on standby with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { nextStandby, type Use } from "./standbys.ts";

const use = (template: string, memoryMiB: number, usedAt: number): Use => ({
  ...{ template, memoryMiB },
  usedAt: usedAt as Instant, // Any.
});

test("the template that was used last gets what room there is, and one place of the oldest where there is none", () => {
  const cases: [readonly Use[], readonly string[], number, ReturnType<typeof nextStandby>][] = [
    [[], [], 1_000, undefined],
    [[use("a", 100, 1)], [], 0, undefined],
    [[use("a", 100, 1)], [], 99, undefined],
    [[use("a", 100, 1)], [], 100, { do: "add", template: "a" }],
    [[use("a", 100, 1)], ["a"], 199, undefined],
    [[use("a", 100, 1)], ["a"], 200, { do: "add", template: "a" }],
    [[use("a", 100, 1), use("b", 100, 2)], ["a"], 200, { do: "add", template: "b" }],
    [[use("a", 100, 1), use("b", 100, 2)], ["a", "a"], 200, { do: "drop", template: "a" }],
    [[use("a", 100, 1), use("b", 100, 2)], ["a", "b"], 200, undefined],
    [
      [use("a", 100, 2), use("b", 100, 1), use("c", 150, 3)],
      ["a", "b"],
      200,
      { do: "drop", template: "b" },
    ],
    // One for which there is no room at all takes nothing from the others.
    [[use("a", 100, 1), use("b", 300, 2)], ["a"], 200, { do: "add", template: "a" }],
    // Whose template is gone.
    [[use("a", 100, 1)], ["x"], 200, { do: "drop", template: "x" }],
  ];
  for (const [uses, waiting, room, expected] of cases)
    assert.deepEqual(nextStandby(uses, waiting, room), expected, JSON.stringify([waiting, room]));
});
