import assert from "node:assert/strict";
import { test } from "node:test";
import { dependsOnStatus, type Stage, stageAfter, stageIn } from "./move.ts";

const at = (is: Stage["is"], isFollowed = false): Stage => ({ is, isFollowed });

test("what QEMU tells of a move says where the machine is", () => {
  const rows: readonly (readonly [
    before: Stage,
    status: string,
    arrives: boolean,
    after: Stage,
  ])[] = [
    [at("none"), "setup", false, at("sent")],
    [at("sent"), "active", false, at("sent")],
    [at("sent"), "completed", false, at("left")],
    [at("sent"), "failed", false, at("none")],
    [at("sent"), "cancelled", false, at("none")],
    [at("sent"), "postcopy-active", false, at("left")],
    [at("left"), "completed", false, at("left")],
    [at("incoming"), "active", true, at("incoming")],
    [at("incoming"), "failed", true, at("incoming")],
    [at("incoming"), "completed", true, at("arrived")],
    [at("incoming"), "postcopy-active", true, at("arrived", true)],
    // It was let run meanwhile: the end of the move does not stop it.
    [at("none", true), "completed", true, at("none")],
  ];
  for (const [before, status, arrives, after] of rows)
    assert.deepEqual(stageAfter(before, status, arrives), after, `${before.is}, ${status}`);
});

test("an agent that has heard nothing finds where the machine is", () => {
  const rows: readonly (readonly [
    runState: string,
    status: string | undefined,
    arrives: boolean,
    after: Stage,
  ])[] = [
    ["inmigrate", undefined, true, at("incoming")],
    ["postmigrate", undefined, false, at("left")],
    ["running", "", false, at("none")],
    ["running", "postcopy-active", true, at("none", true)],
    ["finish-migrate", "active", false, at("sent")],
    ["finish-migrate", "postcopy-active", false, at("left")],
    ["paused", "active", true, at("incoming")],
    ["paused", "completed", true, at("arrived")],
    ["paused", "postcopy-active", true, at("arrived", true)],
    ["paused", undefined, false, at("none")],
    ["io-error", undefined, false, at("none")],
  ];
  for (const [runState, status, arrives, after] of rows) {
    assert.equal(dependsOnStatus(runState, arrives), status !== undefined, runState);
    assert.deepEqual(stageIn(at("none"), runState, status ?? "", arrives), after, runState);
  }
});
