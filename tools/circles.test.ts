import assert from "node:assert/strict";
import { test } from "node:test";
import { circles } from "./circles.ts";

const table: Record<string, readonly [arrows: Record<string, string[]>, found: string[][]]> = {
  "a line has none": [{ a: ["b"], b: ["c"], c: [] }, []],
  "nor has what two share": [{ a: ["b", "c"], b: ["d"], c: ["d"], d: [] }, []],
  "two that want each other": [{ a: ["b"], b: ["a"] }, [["a", "b"]]],
  "a long one, entered from outside, with something behind it": [
    { x: ["a"], a: ["b"], b: ["c", "z"], c: ["a"], z: [] },
    [["a", "b", "c"]],
  ],
  "two that share a member are one": [{ a: ["b"], b: ["a", "c"], c: ["b"] }, [["a", "b", "c"]]],
  "two that only meet are two": [
    { a: ["b"], b: ["a", "c"], c: ["d"], d: ["c"] },
    [
      ["c", "d"],
      ["a", "b"],
    ],
  ],
  "what nobody has listed ends the way": [{ a: ["elsewhere"] }, []],
};

for (const [name, [arrows, found]] of Object.entries(table))
  test(name, () => {
    assert.deepEqual(circles(new Map(Object.entries(arrows))), found);
  });
