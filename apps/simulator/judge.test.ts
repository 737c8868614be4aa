/** That the judge sees what must never be, when somebody does it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { endMachine, simulatedHypervisor } from "@holdfast/drivers/hypervisor/simulated";
import { wallClock } from "./clock.ts";
import { fixtureSpec } from "./fixture-spec.ts";
import { newJudge } from "./judge.ts";

function court(isCutOff = false) {
  const violations: string[] = [];
  const still = new Set<string>();
  const judge = newJudge({
    hosts: ["host-1", "host-2"],
    isCutOff: () => isCutOff,
    isStill: (host) => still.has(host),
    accuse: (what) => void violations.push(what),
    tell() {},
  });
  const start = (host: string, generation: number, volume = "one") =>
    simulatedHypervisor(judge.worldOf(host), wallClock).start(fixtureSpec(generation, volume));
  return { violations, judge, still, start };
}

test("a second machine on a volume that another may write to is seen when it is launched", async () => {
  const { violations, start } = court();
  await start("host-1", 1);
  assert.deepEqual(violations, []);
  await start("host-2", 2);
  assert.equal(violations.length, 1);
  assert.match(violations[0] ?? "", /g2 was launched on host-2 while .* g1 could write/);
});

test("one that has ended, or was cut off from its storage, is in nobody's way", async () => {
  const ended = court();
  await ended.start("host-1", 1);
  endMachine(ended.judge.worldOf("host-1"), fixtureSpec(1, "one"), wallClock, {
    status: { signal: "SIGKILL" },
  });
  await ended.start("host-2", 2);
  const cut = court(true);
  await cut.start("host-1", 1);
  await cut.start("host-2", 2);
  assert.deepEqual([...ended.violations, ...cut.violations], []);
});

test("who writes with an old token after a younger one has is seen, also when it had stood still", async () => {
  const { violations, judge, still, start } = court();
  await start("host-1", 1);
  still.add("host-1");
  judge.sweep();
  await start("host-2", 2);
  judge.sweep();
  violations.length = 0; // That it was launched is another matter.
  still.clear();
  judge.sweep();
  assert.equal(violations.length, 1);
  assert.match(violations[0] ?? "", /g1 on host-1 writes to .* after .* g2 on host-2/);
});

test("volumes of the same name on the disks of two hosts are two volumes", async () => {
  const { violations, start } = court();
  await start("host-1", 1, "local");
  await start("host-2", 2, "local");
  assert.deepEqual(violations, []);
});
