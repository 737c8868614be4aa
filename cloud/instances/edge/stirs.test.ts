/** Who else has something to do after a pass. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, NetworkId, NicId } from "@holdfast/kernel/ids";
import { world } from "../core/testing.ts";
import type { Case } from "./case.ts";
import { stirsOf } from "./stirs.ts";

const [blue, green] = ["blue", "green"].map((id) => id as NetworkId); // As short as in the fixtures.
const home = "h1" as HostId; // As above.

/** An instance with these connections that was on one host and is on another, or on none. */
function moved(networks: readonly (NetworkId | undefined)[], from?: HostId, to?: HostId): Case {
  const nics = networks.map((network, n) => ({ id: `n${n}` as NicId, mac: "m", network }));
  const before = { world: world({ home: from }), nics, station: [] };
  return { before, settled: { world: world({ home: to }) }, isNew: false } as unknown as Case; // All that is asked of it.
}

test("networks are told of that an instance has left that is on no host any more, each once", () => {
  for (const [cases, left] of [
    [[moved([blue, green], home)], [blue, green]],
    [[moved([blue], home), moved([blue], home)], [blue]],
    [[moved([blue], home, "h2" as HostId)], []], // Named by the orders of both. As above.
    [[moved([blue], home, home)], []],
    [[moved([], home)], []],
  ] as const)
    assert.deepEqual(stirsOf(cases).left, left);
});
