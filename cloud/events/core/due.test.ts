import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { reachable } from "@holdfast/kernel/fsm";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { type OpenEvent, stepOf } from "./due.ts";
import { maintenanceLife } from "./life.ts";

const at = 1_000_000 as Instant;
const [here, there] = ["h1", "h2"] as HostId[];
const runs: OpenEvent["now"] = {
  ...{ state: "running", desired: "running", home: here, generation: 3, reboots: 1 },
};
const event: OpenEvent = {
  ...{ id: "e", instance: "i" as InstanceId, code: "instance-stop", state: "active" },
  ...{ notBefore: at, notAfter: undefined, deadline: undefined, begunAt: undefined },
  ...{ host: here as HostId, generation: 3, reboots: 1, isHeld: false, maintenance: "emptying" },
  now: runs,
};
type Case = readonly [string, Partial<OpenEvent>, Partial<OpenEvent["now"]>, string | undefined];

const table: readonly Case[] = [
  ["is begun when it is due", {}, {}, "begin leave"],
  ["waits for its time", { notBefore: (at + 1) as Instant }, {}, undefined],
  ["waits while its work holds it back", { isHeld: true }, {}, undefined],
  ["waits while its work has not come so far", { maintenance: "planned" }, {}, undefined],
  ["waits while the instance starts", {}, { state: "starting" }, undefined],
  ["waits while the instance is moved", {}, { state: "migrating" }, undefined],
  ["waits while nobody knows where the instance is", {}, { state: "lost" }, undefined],
  ["is under way until the process has ended", { begunAt: at }, { state: "stopping" }, undefined],
  [
    "is over when it was stopped",
    { begunAt: at },
    { state: "stopped", home: undefined },
    "complete",
  ],
  ["is over when it is elsewhere", { begunAt: at }, { home: there, generation: 4 }, "complete"],
  ["is needless when it was moved before", {}, { home: there }, "complete"],
  [
    "is needless when its owner has stopped it",
    {},
    { state: "stopped", desired: "stopped", home: undefined },
    "complete",
  ],
  ["waits where a restart comes up", {}, { state: "stopped", home: undefined }, undefined],
  ["is due again for a restart on the same host", {}, { generation: 4 }, "begin leave"],
  [
    "that stands alone is over with its generation",
    { maintenance: undefined },
    { generation: 4 },
    "complete",
  ],
  ["of a destroyed instance is called off", {}, { state: "destroyed", home: undefined }, "cancel"],
  ["with the host: the instance is paused", { code: "system-reboot" }, {}, "begin pause"],
  [
    "to reboot is begun when due",
    { code: "instance-reboot", maintenance: undefined },
    {},
    "begin reboot",
  ],
  [
    "to reboot is over with the next reboot",
    { code: "instance-reboot" },
    { reboots: 2 },
    "complete",
  ],
  [
    "to interrupt does nothing to the instance",
    { code: "system-maintenance" },
    {},
    "begin nothing",
  ],
  [
    "to interrupt is over at its end",
    { code: "system-maintenance", begunAt: at, notAfter: at },
    {},
    "complete",
  ],
];

describe("an event", () => {
  for (const [title, more, now, expected] of table)
    test(title, () => {
      const step = stepOf({ ...event, ...more, now: { ...runs, ...now } }, at);
      const said = step?.do === "begin" ? `begin ${step.errand ?? "nothing"}` : step?.do;
      assert.equal(said, expected);
    });
});

describe("the life of work on a host", () => {
  test("comes to every state, and from each of them to its end", () => {
    assert.deepEqual(
      [...reachable(maintenanceLife, "planned")].sort(),
      [...maintenanceLife.states].sort(),
    );
    for (const state of maintenanceLife.states)
      assert.ok(!("refused" in maintenanceLife.react(state, "end")), state);
  });
});
