/** What has happened to a network is known of it also where whoever it happened to is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { findTouched, nothing, together } from "./dirt.ts";

const [one, other] = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}` as NetworkId); // Shaped like one.

/** A database in which every instance was expunged but one. */
const sql = {
  query: async (_: string, [ids]: [readonly string[]]) =>
    ids.includes("here") ? [{ id: one }] : [],
} as unknown as Sql; // All that is asked of it.

test("a network that an instance has left is touched by instances, unless something else has happened to it", async () => {
  assert.ok(one && other);
  const gone = together(nothing, { instances: ["gone"], left: [one] });
  for (const [touched, all, byInstances] of [
    [together(nothing, { instances: ["gone"] }), [], []],
    [gone, [one], [one]],
    [together(gone, { instances: ["here"] }), [one], [one]],
    [together(gone, { left: [other] }), [one, other], [one, other]],
    [together(gone, { networks: [one] }), [one], []],
  ] as const)
    assert.deepEqual(await findTouched(sql, touched), { all, byInstances });
});
