import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import fc from "fast-check";
import { type MigrationFacts, type MigrationPatience, stepOf, timeLeft } from "./migration.ts";

const patience: MigrationPatience = {
  precopy: seconds(60),
  converge: seconds(60),
  mayPostcopy: true,
  switching: seconds(10),
};
const copying: MigrationFacts = {
  status: "active",
  elapsed: seconds(1),
  remainingBytes: 100 * 2 ** 20,
  bytesPerSecond: 10 * 2 ** 20,
  dirtyBytesPerSecond: 40 * 2 ** 20,
  isThrottled: false,
  areDisksReady: true,
  disksStalledFor: seconds(0),
  stillFor: seconds(0),
  isAbortWanted: false,
};
const table: readonly [string, Partial<MigrationFacts>, Partial<MigrationPatience>, string][] = [
  ["at first it is only copied", {}, {}, "wait"],
  ["then the guest is slowed down, once", { elapsed: seconds(60) }, {}, "slow-down"],
  ["and given time", { elapsed: seconds(61), isThrottled: true }, {}, "wait"],
  ["then it runs over there", { elapsed: seconds(120), isThrottled: true }, {}, "postcopy"],
  [
    "or stays here, where that is not allowed",
    { elapsed: seconds(120), isThrottled: true },
    { mayPostcopy: false },
    "cancel its memory changes faster (40 MiB/s) than it can be sent (10 MiB/s)",
  ],
  [
    "slowing down does nothing for disks",
    { elapsed: seconds(70), areDisksReady: false },
    {},
    "wait",
  ],
  [
    "and no guest runs without its disks",
    { elapsed: seconds(120), areDisksReady: false },
    {},
    "cancel its disks could not be copied in time",
  ],
  ["it can be aborted", { isAbortWanted: true }, {}, "cancel it was aborted"],
  [
    "until the last step",
    { status: "pre-switchover", isAbortWanted: true },
    {},
    "cancel it was aborted",
  ],
  ["but not after the switch", { status: "postcopy-active", isAbortWanted: true }, {}, "wait"],
  ["nor while that is under way", { status: "device", isAbortWanted: true }, {}, "wait"],
  [
    "unless that does not end",
    { status: "device", stillFor: seconds(10) },
    {},
    "cancel its last step took too long",
  ],
  [
    "disks may take as long as they like",
    { status: "mirroring", disksStalledFor: seconds(59) },
    {},
    "wait",
  ],
  [
    "while they get anywhere",
    { status: "mirroring", disksStalledFor: seconds(60) },
    {},
    "cancel its disks do not come any nearer",
  ],
  [
    "and can be aborted too",
    { status: "mirroring", isAbortWanted: true },
    {},
    "cancel it was aborted",
  ],
  [
    "a guest that runs there is joined with its memory",
    { status: "postcopy-paused" },
    {},
    "rejoin",
  ],
  [
    "the last step waits for nobody",
    { status: "pre-switchover", elapsed: seconds(999) },
    {},
    "switch",
  ],
  [
    "the end is the end, aborted or not",
    { status: "completed", isAbortWanted: true },
    {},
    "finish",
  ],
  [
    "what fails leaves it here",
    { status: "failed" },
    {},
    "give-up the connection to the destination broke",
  ],
  ["what was broken off too", { status: "cancelled" }, {}, "give-up it did not get done in time"],
];

describe("a migration", () => {
  for (const [title, facts, more, expected] of table)
    test(title, () => {
      const step = stepOf({ ...copying, ...facts }, { ...patience, ...more });
      assert.equal("why" in step ? `${step.do} ${step.why}` : step.do, expected);
    });

  test("while it copies never waits longer than its patience", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (areDisksReady, isThrottled, mayPostcopy) => {
          const late = { ...copying, elapsed: seconds(120), areDisksReady, isThrottled };
          assert.notEqual(stepOf(late, { ...patience, mayPostcopy }).do, "wait");
        },
      ),
    );
  });

  test("takes as long as is left at its rate, or for ever", () => {
    assert.equal(timeLeft({ ...copying, dirtyBytesPerSecond: 0 }), milliseconds(10_000));
    assert.equal(timeLeft(copying), undefined);
  });
});
