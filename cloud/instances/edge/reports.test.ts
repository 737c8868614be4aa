/** What a report is about: one generation on one host of one epoch; and what is counted of a command. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { athome, home, job, now, running, world } from "../core/testing.ts";
import { begin } from "./case.ts";
import { learn, order } from "./pass.ts";
import type { Asked, HostReport } from "./work.ts";
import type { Loaded } from "./worlds.ts";

const alive: HostReport = {
  ...{ host: home, epoch: 3 },
  report: {
    instance: world().instance.id,
    ...{ generation: 1, phase: "running", guest: "up", reboots: 1, at: now },
  },
};
const end: HostReport = {
  ...alive,
  report: {
    ...alive.report,
    phase: "exited",
    exit: {
      ...{ at: now, status: { signal: "SIGKILL" }, requested: false, bootTimedOut: false },
      ...{ hypervisorLog: [], consoleTail: [], events: [], kernelLog: [] },
      ...{ oomKills: 0, watchdogFired: false },
    },
  },
};
const elsewhere = "h2" as HostId;

const table: Record<string, readonly [HostReport, isBelieved: boolean]> = {
  "it has been reset there": [alive, true],
  "it has ended there": [end, true],
  "of the epoch before it says nothing": [{ ...alive, epoch: 2 }, false],
  "whoever had it and saw it end is believed in any epoch": [{ ...end, epoch: 2 }, true],
  "another host does not have it": [{ ...end, host: elsewhere }, false],
  "another generation has ended": [{ ...end, report: { ...end.report, generation: 0 } }, false],
};

for (const [title, [report, isBelieved]] of Object.entries(table))
  test(`report: ${title}`, () => {
    const seen = world(athome({ generation: 1, home }), { incarnation: running });
    const loaded = { world: seen, hostEpoch: 3, arrivalEpoch: 0 } as Partial<Loaded> as Loaded; // All that it looks at.
    const item = begin(loaded, false, "test");
    learn(item, report);
    assert.equal(item.written.size === 1, isBelieved);
    assert.equal(item.settled.world.incarnation !== running, isBelieved);
  });

test("a command that is done at once is counted once", () => {
  const gone = world({ state: "destroyed", desired: "destroyed" });
  const loaded = { world: gone, hostEpoch: 0, arrivalEpoch: 0 } as Partial<Loaded> as Loaded; // All that it looks at.
  const asked = {
    instance: gone.instance.id,
    order: { verb: "stop", force: false, job: job("stop"), requestId: "r2" },
    job: job("stop"),
    actor: "kim",
  } as Partial<Asked> as Asked; // A job is only named here.
  const outcomes: Parameters<typeof order>[2] = [];
  order(asked, begin(loaded, false, "test"), outcomes, new Map());
  assert.deepEqual(outcomes, [{ job: "j1", outcome: "succeeded" }]);
});
