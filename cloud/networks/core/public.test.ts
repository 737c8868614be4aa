import assert from "node:assert/strict";
import { test } from "node:test";
import type { NicId } from "@holdfast/kernel/ids";
import { movePublic, type PublicNic } from "./public.ts";

const table: readonly [boolean, boolean, PublicNic["has"], "allocate" | "release" | undefined][] = [
  // asked for, meant to run, has
  [true, true, "nothing", "allocate"],
  [true, true, "automatic", undefined],
  [true, true, "static", undefined],
  [true, false, "nothing", undefined],
  [true, false, "automatic", "release"],
  [true, false, "static", undefined],
  [false, true, "nothing", undefined],
  [false, true, "automatic", "release"],
  [false, true, "static", undefined],
  [false, false, "automatic", "release"],
];

for (const [isPublic, isMeantToRun, has, expected] of table)
  test(`asked for: ${isPublic}, meant to run: ${isMeantToRun}, has ${has}`, () => {
    const id = "nic" as NicId; // One is enough.
    const { allocate, release } = movePublic([{ id, isPublic, isMeantToRun, has }]);
    assert.deepEqual(allocate, expected === "allocate" ? [id] : []);
    assert.deepEqual(release, expected === "release" ? [id] : []);
  });
