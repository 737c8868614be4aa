/** What an instance contributes to its own inquest. The rules themselves are tested in cloud/deaths. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { JobId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { exit } from "../../deaths/core/testing.ts";
import { endingOf } from "./causes.ts";
import type { Instance } from "./model.ts";
import { athome, running, world } from "./testing.ts";

const problem = { kind: "unavailable", code: "launch_failed", message: "no kernel" };
const overdue = { class: "boot-timeout", says: "too slow", at: 7 as Instant } as const;
const stopping: Partial<Instance> = { state: "stopping", desired: "stopped" };
const ordered = { requested: true };
const relaunch = { kind: "relaunch", id: "j" as JobId } as const;

type Row = readonly [Partial<Instance>, Partial<ExitReport>, cause: string, how?: string];
const table: Record<string, Row> = {
  "its owner wants it stopped": [stopping, ordered, "user-stop"],
  "its owner wants it gone": [{ ...stopping, desired: "destroyed" }, ordered, "user-destroy"],
  "its owner wants it ended for good": [
    { ...stopping, desired: "expunged" },
    ordered,
    "user-destroy",
  ],
  "it is to be started anew": [{ state: "stopping", job: relaunch }, ordered, "user-stop"],
  "it was stopped and is wanted again already": [{ state: "stopping" }, ordered, "user-stop"],
  "the platform had waited long enough": [
    { state: "stopping", cause: overdue },
    ordered,
    "boot-timeout",
  ],
  "its owner lost patience before the platform did": [
    { ...stopping, cause: overdue },
    ordered,
    "user-stop",
  ],
  "it crashed": [{}, { status: { signal: "SIGSEGV" } }, "qemu-crash"],
  "it died of itself while its owner wanted it stopped": [
    stopping,
    { reason: "guest-panic" },
    "guest-panic",
  ],
  "never launched": [
    stopping,
    { status: "never-launched", ...ordered },
    "user-stop",
    "never-launched",
  ],
  "could not be launched": [
    {},
    { status: "never-launched", ...ordered, problem },
    "launch-failed",
    "launch-failed",
  ],
  "code 0 alone means nothing": [{}, {}, "unknown"],
};

for (const [situation, [changes, report, expected, how = "exited"]] of Object.entries(table))
  test(situation, () => {
    const { instance } = world(athome({ desired: "running", ...changes }));
    const ending = endingOf(instance, running, exit({ at: 1 as Instant, ...report }));
    assert.deepEqual([ending.cause.class, ending.how], [expected, how]);
  });
