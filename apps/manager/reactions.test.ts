/** Whom a pass concerns is looked at, by way of the journal or without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Done } from "@holdfast/cloud/instances/edge";
import type { NetworkId } from "@holdfast/kernel/ids";
import { type Lookers, reactions } from "./reactions.ts";

const network = "00000000-0000-7000-8000-000000000001" as NetworkId; // Shaped like one.

/** A manager whose journal names whom it is told to with the next look, and who was touched without it. */
function setUp() {
  const journal = { next: [] as readonly string[] };
  const touched: unknown[] = [];
  let refreshed = 0;
  const lookers = {
    journal: {
      async look() {
        const instance = journal.next;
        journal.next = [];
        if (instance.length > 0) changed.journalSays({ instance });
      },
    },
    networks: { touched: (what: unknown) => touched.push(what), changed() {} },
    guests: { touched: (some: unknown) => touched.push(some), changed() {} },
    hub: { tell() {}, tellSeen: () => true },
    progress: { moved() {} },
    placer: { refresh: async () => void refreshed++ },
    onError: assert.fail,
  } as unknown as Lookers; // All that these passes come to.
  const changed = reactions(() => lookers);
  return { changed, journal, touched, refreshed: () => refreshed };
}

/** A pass that wishes something of each of these. */
function passOf(instances: readonly string[], left: readonly NetworkId[] = []): Done {
  const wishes = instances.map((instance) => ({ instance }));
  return {
    ...{ orders: new Map([["host", { wishes, deleteVolumes: [] }]]), seen: new Map(), jobs: [] },
    stirs: { networks: true, guests: true, volumes: false, left },
  } as unknown as Done; // All that is asked of it.
}

const crowd = Array.from({ length: 200 }, (_, n) => `instance-${n}`);

test("of a few the pass tells itself, and of where others were that have left", () => {
  const { changed, touched } = setUp();
  changed.passed(passOf(["a", "b"], [network]));
  assert.deepEqual(touched, [{ instances: ["a", "b"] }, { left: [network] }, ["a", "b"]]);
});

test("what has become of hosts is read with each round, and not by whoever creates the next instance", async () => {
  const { changed, refreshed } = setUp();
  await changed.keepUp();
  assert.equal(refreshed(), 1);
});

test("of a crowd only the journal tells", async () => {
  const { changed, journal, touched } = setUp();
  journal.next = crowd;
  changed.passed(passOf(crowd));
  for (let round = 0; round < 4; round++) await changed.keepUp();
  assert.deepEqual(touched, [{ instances: crowd, subjects: [], hosts: [] }, crowd]);
});

test("whom of a crowd the journal does not name within two rounds waits for it no longer", async () => {
  const { changed, journal, touched } = setUp();
  changed.passed(passOf(crowd, [network]));
  assert.deepEqual(touched.splice(0), [{ left: [network] }]);
  journal.next = crowd.slice(0, 150);
  await changed.keepUp();
  assert.equal(touched.splice(0).length, 2);
  await changed.keepUp();
  assert.deepEqual(touched.splice(0), [{ instances: crowd.slice(150) }, crowd.slice(150)]);
  await changed.keepUp();
  assert.deepEqual(touched, []);
});
