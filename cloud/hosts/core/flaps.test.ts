/** How often is too often, and until when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { flapping } from "./flaps.ts";

const now = 1_000_000_000 as Instant;
const ago = (...howLong: readonly number[]) =>
  howLong.map((one) => (now - minutes(one)) as Instant);
const limits = { limit: 3, window: minutes(60) };

test("two silences within the hour are bad luck, the third makes a concern", () => {
  assert.equal(flapping(ago(0, 20), undefined, limits, now), undefined);
  assert.equal(
    flapping(ago(0, 20, 40), undefined, limits, now)?.says,
    "it fell silent 3 times within the last hour",
  );
});

test("silences that are older than the window do not count", () => {
  assert.equal(flapping(ago(0, 20, 60), undefined, limits, now), undefined);
});

test("it is over when the third last silence has left the window, in whatever order they are told", () => {
  assert.equal(flapping(ago(40, 0, 20), undefined, limits, now)?.until, now + minutes(20));
  const five = flapping(ago(50, 40, 30, 20, 10), undefined, limits, now);
  assert.match(five?.says ?? "", /5 times/);
  assert.equal(five?.until, now + minutes(30));
});

test("what came before an operator enabled it is forgiven, and what comes after counts anew", () => {
  const [enabledAt] = ago(15);
  assert.equal(flapping(ago(0, 20, 40), enabledAt, limits, now), undefined);
  assert.ok(flapping(ago(0, 5, 10, 40), enabledAt, limits, now));
});

test("the window is told in the unit in which one would say it", () => {
  const told = (window: (typeof limits)["window"]) =>
    flapping([now], undefined, { limit: 1, window }, now)?.says;
  assert.equal(told(seconds(30)), "it fell silent once within the last 30 seconds");
  assert.equal(told(minutes(10)), "it fell silent once within the last 10 minutes");
  assert.equal(told(minutes(90)), "it fell silent once within the last 1.5 hours");
});
