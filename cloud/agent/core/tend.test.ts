/** Each row is what a host finds and the one thing it does about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wish } from "@holdfast/cloud/hosts";
import { type MachineView, noEvidence } from "@holdfast/drivers/hypervisor";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { type Act, type Situation, tend } from "./tend.ts";

const id = "web" as InstanceId;
const at = 0 as Instant;
const wish: Wish = {
  instance: id,
  version: 7,
  epoch: 1,
  generation: 2,
  want: "running",
  wasRunning: false,
  reboots: 0,
  rebootGrace: 0,
  ladder: { acpi: 60_000, terminate: 3_000, kill: 5_000 },
  spec: null,
  requestId: "r",
};
const running = (generation: number): MachineView => ({
  id,
  generation,
  is: "running",
  guest: "up",
  since: at,
});
const exited = (generation: number): MachineView => ({
  id,
  generation,
  is: "exited",
  exit: {
    at,
    status: { code: 0 },
    requested: false,
    ...noEvidence,
  },
});
const left = (generation: number): MachineView => ({
  ...{ id, generation, is: "running", guest: "up", since: at, hasLeft: true },
});
const waiting = (generation: number, hasArrived = false): MachineView => ({
  ...{ id, generation, is: "incoming", since: at, hasArrived },
});
const migrateTo: Wish["migrateTo"] = {
  ...{ migration: "m", generation: 3, address: "192.0.2.1:1", bytesPerSecond: null },
  ...{ mayPostcopy: false, isAborted: false },
  patience: { precopy: 1, converge: 1, switching: 1 },
};
const pull = { acpi: 0, terminate: 0, kill: 5_000 };
const stop = (generation: number, why: string, ladder: object = pull) =>
  ({ do: "stop", generation, why, ladder }) as Act; // Rows are shorter with plain text.

const table: Record<
  string,
  readonly [Partial<Wish>, readonly MachineView[], (Act | undefined)?, Partial<Situation>?]
> = {
  "to come from another host and not there: expect it": [
    { want: "incoming", wasRunning: true },
    [],
    { do: "expect" },
  ],
  "it waits here: expect it still": [{ want: "incoming" }, [waiting(2)], { do: "expect" }],
  "it has come and its source is over: let it run": [{}, [waiting(2, true)], { do: "land" }],
  "its source is over and the rest is under way: wait for it": [
    {},
    [waiting(2)],
    undefined,
    { isUnderWay: true },
  ],
  "its source is over and it never came: end it": [{}, [waiting(2)], stop(2, "never-arrived")],
  "it was let run before its wish says so: leave it": [{ want: "incoming" }, [running(2)]],
  "it waits and should stop": [{ want: "stopped" }, [waiting(2)], stop(2, "wished")],
  "it waits and has no business here": [{ want: "nothing" }, [waiting(2)], stop(2, "stale")],
  "an older one waits still: end that first": [{}, [waiting(1)], stop(1, "stale")],
  "it should go elsewhere: send it": [{ migrateTo }, [running(2)], { do: "move" }],
  "all of it is elsewhere: ask how it stands there": [{ migrateTo }, [left(2)], { do: "move" }],
  "all of it is elsewhere and never ran there: take it back": [{}, [left(2)], { do: "take-back" }],
  "all of it is elsewhere and it should stop: at once": [
    { want: "stopped", migrateTo },
    [left(2)],
    stop(2, "wished"),
  ],
  "asked for and not there: start it": [{}, [], { do: "start" }],
  "there as wished: nothing": [{}, [running(2)]],
  "it ended: wait for what comes of the report": [{}, [exited(2)]],
  "an older generation still runs: end that first": [{}, [running(1)], stop(1, "stale")],
  "an older one ended: start the new one": [{}, [exited(1)], { do: "start" }],
  "it ran, and nothing is left of it: do not start it again": [
    { wasRunning: true },
    [],
    stop(2, "record-lost"),
  ],
  "should stop: climb the ladder": [
    { want: "stopped" },
    [running(2)],
    stop(2, "wished", wish.ladder),
  ],
  "should stop and was never launched: see that it never is": [
    { want: "stopped" },
    [],
    stop(2, "wished"),
  ],
  "should stop and has": [{ want: "stopped" }, [exited(2)]],
  "a reset was asked for": [{ reboots: 1 }, [running(2)], { do: "reset" }],
  "the reset was done": [{ reboots: 1 }, [running(2)], undefined, { reboots: 1 }],
  "the guest does not come up": [
    {},
    [running(2)],
    stop(2, "boot-overdue"),
    { isBootOverdue: true },
  ],
  "nothing wished, still running: pull the plug": [
    { want: "nothing" },
    [running(2)],
    stop(2, "stale"),
  ],
  "nothing wished, traces left": [
    { want: "nothing" },
    [exited(2)],
    { do: "forget", generation: 2 },
  ],
  "nothing wished, nothing left": [{ want: "nothing" }, [], { do: "drop" }],
};

for (const [situation, [changes, machines, expected, more]] of Object.entries(table)) {
  test(situation, () => {
    const base: Situation = {
      wish: { ...wish, ...changes },
      machines,
      reboots: 0,
      isBootOverdue: false,
    };
    assert.deepEqual(tend({ ...base, ...more }), expected);
  });
}
