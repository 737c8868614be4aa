/** How many may fall silent at once before it is their network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { brake, type Standing } from "./brake.ts";

const rules = { pod: 0.3, zone: 0.1 };
const fleet = (pods: Record<string, readonly [silent: number, of: number]>, zone = "z") =>
  Object.entries(pods).map(([pod, [silent, of]]): Standing => ({ pod, zone, of, silent }));

const table: Record<string, readonly [readonly Standing[], readonly string[]]> = {
  "nobody is silent": [fleet({ a: [0, 10] }), []],
  "one of two: it may be the host": [fleet({ a: [1, 2] }), []],
  "both of two: it is not": [fleet({ a: [2, 2] }), ["pod a"]],
  "one of three, although that is a third": [fleet({ a: [1, 3] }), []],
  "two of three": [fleet({ a: [2, 3] }), ["pod a"]],
  "two of ten in a zone of ten": [fleet({ a: [2, 10] }), []],
  "three of ten: few enough for the pod, too many for the zone": [
    fleet({ a: [3, 10] }),
    ["zone z"],
  ],
  "four of ten": [fleet({ a: [4, 10] }), ["pod a", "zone z"]],
  "a rack of ten in a zone of two hundred": [fleet({ a: [10, 10], b: [0, 190] }), ["pod a"]],
  "one here and one there": [fleet({ a: [1, 3], b: [1, 3] }), []],
  "one of each of three pods: the zone": [fleet({ a: [1, 3], b: [1, 3], c: [1, 3] }), ["zone z"]],
};

for (const [situation, [hosts, expected]] of Object.entries(table))
  test(situation, () => {
    assert.deepEqual(
      brake(hosts, rules).map(({ domain }) => domain),
      expected,
    );
  });

test("what a person has released is not braked, and the rest still is", () => {
  const braked = brake(fleet({ a: [4, 10] }), rules, new Set(["pod a"]));
  assert.deepEqual(braked, [{ domain: "zone z", silent: 4, of: 10, allowed: 2 }]);
});
