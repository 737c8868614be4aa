import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { type Day, lengthOf, nextIn, refuseWindow, type WeekRange } from "./windows.ts";

const range = (startDay: Day, startHour: number, endDay: Day, endHour: number): WeekRange => ({
  startDay,
  startHour,
  endDay,
  endHour,
});
/** A Saturday. */
const saturday = Date.UTC(2026, 10, 21, 12) as Instant;
const hours = (n: number) => n * 3_600_000;

describe("a window", () => {
  const table: readonly [string, readonly WeekRange[], boolean][] = [
    ["of four hours", [range("monday", 2, "monday", 6)], true],
    [
      "of two times two hours",
      [range("monday", 2, "monday", 4), range("friday", 2, "friday", 4)],
      true,
    ],
    ["over the end of the week", [range("saturday", 22, "sunday", 2)], true],
    ["of three hours", [range("monday", 2, "monday", 5)], false],
    [
      "with a range of one hour",
      [range("monday", 2, "monday", 6), range("friday", 2, "friday", 3)],
      false,
    ],
    [
      "of the same two hours twice",
      [range("monday", 2, "monday", 4), range("monday", 2, "monday", 4)],
      false,
    ],
    ["without a range", [], false],
  ];
  for (const [title, ranges, isFine] of table)
    test(`${title} is ${isFine ? "fine" : "too short"}`, () =>
      assert.equal(refuseWindow(ranges)?.code, isFine ? undefined : "event_window_short"));

  test("that ends where it begins is the whole week", () =>
    assert.equal(lengthOf(range("monday", 2, "monday", 2)), 168));
});

describe("the next moment in a window", () => {
  const table: readonly [string, readonly WeekRange[], number][] = [
    ["without one is now", [], 0],
    ["inside of it is now", [range("saturday", 10, "saturday", 14)], 0],
    ["at its beginning is now", [range("saturday", 12, "saturday", 16)], 0],
    ["at its end is the next week's", [range("saturday", 8, "saturday", 12)], 164],
    ["is its beginning", [range("sunday", 2, "sunday", 6)], 14],
    [
      "is the earlier of two",
      [range("tuesday", 0, "tuesday", 4), range("monday", 0, "monday", 4)],
      36,
    ],
    ["inside of one over the end of the week is now", [range("friday", 22, "sunday", 2)], 0],
  ];
  for (const [title, ranges, wait] of table)
    test(title, () => assert.equal(nextIn(ranges, saturday) - saturday, hours(wait)));
});
