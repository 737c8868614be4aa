/** What is told to the coroner of an end, besides what its host saw. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { athome, now, world } from "../core/testing.ts";
import { type Case, unborn } from "./case.ts";
import { endsOf } from "./endings.ts";

/** It has stopped in this pass. */
function stopped(errand: Case["before"]["world"]["errand"]): Case {
  const was = world(athome({ state: "stopping", desired: "running" }), { errand });
  const is = world({ state: "stopped", generation: 1 });
  return {
    before: { ...unborn, world: was } as Case["before"], // The rest is not looked at.
    settled: {
      ...{ world: is, finished: [], wantsPlace: false, lookAt: undefined },
      entries: [{ event: "exitObserved", from: "stopping", to: "stopped" }],
    } as unknown as Case["settled"], // As an entry is, but for its words.
    ...{
      isNew: false,
      epoch: 1,
      arrivalEpoch: 0,
      actor: "test",
      move: undefined,
      death: undefined,
    },
    written: new Map(),
  };
}

const maintenanceOf = (errand: Case["before"]["world"]["errand"]) =>
  endsOf([stopped(errand)]).map(({ evidence }) => evidence.maintenance);

test("an end that planned work ordered is told as that, though the work on its host may be over", () => {
  assert.deepEqual(maintenanceOf({ does: "pause", reboots: 0 }), [{ at: now, mode: "draining" }]);
  assert.deepEqual(maintenanceOf(undefined), [undefined]);
});
