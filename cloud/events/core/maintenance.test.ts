import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Fate, fateOf, type Resident } from "./maintenance.ts";

const resident: Resident = {
  id: "i" as InstanceId,
  name: "web",
  policy: "migrate",
  state: "running",
  desired: "running",
  isLocal: false,
  hasEphemeralDisks: false,
  cannotMove: undefined,
  place: { host: "host-2" },
};
const table: readonly [string, Partial<Resident>, Partial<Fate>, RegExp][] = [
  ["is moved", {}, { does: "migrate", to: "host-2", code: undefined }, /Nothing is noticed/],
  ["is moved with its disks", { isLocal: true }, { does: "migrate", to: "host-2" }, /copied first/],
  [
    "finds no room: is stopped",
    { place: { refused: "no host has room" } },
    { does: "stop", code: "instance-stop" },
    /no host has room/,
  ],
  [
    "has a device of the host: is stopped",
    { cannotMove: "it uses a device of this host" },
    { does: "stop", to: "host-2" },
    /device of this host/,
  ],
  [
    "has ephemeral disks: is stopped, and loses them",
    { hasEphemeralDisks: true },
    { does: "stop", losesEphemeral: true },
    /ephemeral disks/,
  ],
  ["wants to be stopped", { policy: "stop" }, { does: "stop", losesEphemeral: false }, /policy/],
  [
    "wants to be stopped, with ephemeral disks",
    { policy: "stop", hasEphemeralDisks: true },
    { does: "stop", losesEphemeral: true },
    /policy/,
  ],
  [
    "wants to be rebooted, and keeps its disks",
    { policy: "reboot", hasEphemeralDisks: true },
    { does: "reboot", code: "system-reboot", losesEphemeral: false },
    /policy/,
  ],
  ["is starting", { state: "starting" }, { does: "wait" }, /starting/],
  ["is lost", { state: "lost" }, { does: "wait" }, /lost/],
  ["is about to stop", { desired: "stopped" }, { does: "wait" }, /end by itself/],
];

for (const [title, more, expected, says] of table)
  test(`an instance of a host to be emptied ${title}`, () => {
    const fate = fateOf({ ...resident, ...more }, { work: "empty", isOverdue: false });
    assert.deepEqual({ ...fate, ...expected }, fate);
    assert.match(fate.says, says);
  });
