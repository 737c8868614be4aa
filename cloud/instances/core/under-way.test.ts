/** What is being done with the volumes of an instance, against what is wanted of the instance. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnderWay } from "@holdfast/cloud/volumes";
import { after, type Instant, seconds } from "@holdfast/kernel/time";
import { type Order, obey } from "./command.ts";
import { decide } from "./decide.ts";
import { athome, job, now, world } from "./testing.ts";

const underWay = (activity: UnderWay["activity"]): readonly UnderWay[] => [
  {
    ...{ activity, volume: "web.root", by: "alice" },
    ...{ since: (now - 3_000) as Instant, until: after(now, seconds(600)) },
  },
];
const order = (verb: Order["verb"]): Order => ({
  ...{ verb, force: false, job: job("start"), requestId: "r2" },
});

const table: readonly [
  Order["verb"],
  UnderWay["activity"],
  state: "running" | "stopped",
  isRefused: boolean,
][] = [
  ["start", "restore", "stopped", true],
  ["start", "snapshot", "stopped", false],
  ["start", "backup", "stopped", false],
  ["stop", "backup", "running", false],
  ["reboot", "snapshot", "running", false],
  ["destroy", "restore", "stopped", false],
  ["relaunch", "storage-migration", "running", true],
];
for (const [verb, activity, state, isRefused] of table)
  test(`${verb} during a ${activity} is ${isRefused ? "refused, and says who holds it" : "obeyed"}`, () => {
    const instance = state === "running" ? athome() : { state };
    const obeyed = obey(world(instance, { underWay: underWay(activity) }), order(verb));
    assert.equal("refused" in obeyed, isRefused);
    if (!("refused" in obeyed)) return;
    assert.equal(obeyed.refused.code, "volume_busy");
    assert.match(obeyed.refused.message, /web\.root is under way: alice asked for it 3 s ago/);
  });

test("automation starts nothing whose volume is being restored, and looks again", () => {
  const stopped = { state: "stopped", desired: "running" } as const;
  const restoring = world(stopped, { underWay: underWay("restore") });
  assert.deepEqual(decide(restoring), { do: "wait", until: after(now, seconds(5)) });
  assert.deepEqual(decide(world(stopped, { underWay: underWay("snapshot") })), { do: "place" });
});
