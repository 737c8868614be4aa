import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, VolumeId } from "@holdfast/kernel/ids";
import { fit, freeSlot, poolsOf, tiedTo } from "./attach.ts";
import { type Disk, ownVolume } from "./model.ts";

const [h1, h2] = ["h1", "h2"] as [HostId, HostId];
const disk = (change: Partial<Disk> = {}): Disk => ({
  ...{ volume: "v" as VolumeId, pool: "local", kind: "data", state: "ready" },
  ...{ host: h1, workedOnBy: null },
  ...change,
});
const root = disk({ kind: "root" });
const shared = disk({ pool: "fast" });

test("an instance is tied to the host of its local disks, and to one that works on a shared one", () => {
  assert.equal(tiedTo([root]), h1);
  assert.equal(tiedTo([shared, disk({ host: null })]), undefined);
  assert.equal(tiedTo([disk({ pool: "fast", workedOnBy: h2 })]), h2);
  assert.equal(tiedTo([disk({ pool: "fast", workedOnBy: h2 }), root]), h1, "its own come first");
  assert.equal(tiedTo([disk({ kind: "ephemeral" })]), undefined, "those are made anew anywhere");
});

test("its host must reach every shared pool once", () => {
  assert.deepEqual(poolsOf([root, shared, shared, disk({ pool: "slow" })]), ["fast", "slow"]);
});

const cases: readonly [
  says: string,
  volume: Disk,
  station: Parameters<typeof fit>[1],
  is: string,
][] = [
  ["where it runs", disk(), { home: h1, pools: [], disks: [root] }, "fits"],
  [
    "on another host than where it runs",
    disk({ host: h2 }),
    { home: h1, pools: [], disks: [] },
    "elsewhere",
  ],
  [
    "on another host than its root",
    disk({ host: h2 }),
    { home: null, pools: [], disks: [root] },
    "elsewhere",
  ],
  ["made nowhere yet", disk({ host: null }), { home: h1, pools: [], disks: [root] }, "fits"],
  [
    "to one that was never started",
    disk({ host: h2 }),
    { home: null, pools: [], disks: [disk({ kind: "root", host: null })] },
    "fits",
  ],
  ["shared, to one that does not run", shared, { home: null, pools: [], disks: [root] }, "fits"],
  ["shared, where the host reaches it", shared, { home: h2, pools: ["fast"], disks: [] }, "fits"],
  [
    "shared, where it does not",
    shared,
    { home: h2, pools: ["slow"], disks: [] },
    "pool-out-of-reach",
  ],
];
for (const [says, volume, station, is] of cases)
  test(`a volume ${says}: ${is}`, () => assert.equal(fit(volume, station).is, is));

test("a new disk takes the first slot that is free, and never the root's", () => {
  assert.deepEqual([freeSlot([]), freeSlot([1, 2]), freeSlot([2, 3])], [1, 3, 1]);
});

test("what has no name is found by its instance's", () => {
  assert.deepEqual(ownVolume("web.root"), { instance: "web", kind: "root" });
  assert.equal(ownVolume("web.data"), undefined);
  assert.equal(ownVolume("web"), undefined);
});
