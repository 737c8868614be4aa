/** What a picture believes after news and reservations came in every order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { seeded } from "@holdfast/kernel/random";
import { choose, placeAll } from "./choose.ts";
import { explainIn } from "./explain.ts";
import { Fleet } from "./fleet.ts";
import type { HostCapacity, PlacementOptions, PlacementRequest, Planner } from "./model.ts";
import { Picture } from "./picture.ts";
import { host } from "./testing.ts";
import { Views } from "./views.ts";

const h1 = host("h1");
const h2 = host("h2");
const wish: PlacementRequest = { cpus: 2, memoryMiB: 4096, tags: [], avoidHosts: [] };
const options: PlacementOptions = { planner: "first-fit", factors: { cpu: 1, memory: 1 } };
const planners: readonly Planner[] = ["first-fit", "best-fit", "spread"];

function pictureOf(...hosts: readonly HostCapacity[]): Picture {
  const picture = new Picture();
  for (const one of hosts) picture.upsert(one);
  return picture;
}
const reserved = (picture: Picture, { id }: HostCapacity = h1) => {
  const found = picture.find(id);
  return [found?.reservedCpus, found?.reservedMemoryMiB];
};

test("what is held stays on top of the news until it is confirmed, and then the news replace it", () => {
  const picture = pictureOf(h1);
  const held = picture.reserve(h1.id, wish);
  assert.ok(held);
  picture.upsert({ ...h1, reservedCpus: 1, reservedMemoryMiB: 512 }); // Somebody else placed meanwhile.
  assert.deepEqual(reserved(picture), [3, 4608]);
  picture.confirm(held);
  assert.deepEqual(reserved(picture), [3, 4608]);
  picture.upsert({ ...h1, reservedCpus: 3, reservedMemoryMiB: 4608 });
  assert.deepEqual(reserved(picture), [3, 4608]);
  picture.upsert(h1); // Everybody left.
  assert.deepEqual(reserved(picture), [0, 0]);
});

test("a receipt works once: released twice gives back once, and confirmed is no longer ours to release", () => {
  const picture = pictureOf(h1);
  const [first, second] = [picture.reserve(h1.id, wish), picture.reserve(h1.id, wish)];
  assert.ok(first && second);
  assert.deepEqual([picture.release(first), picture.release(first)], [true, false]);
  assert.deepEqual(reserved(picture), [2, 4096]);
  assert.deepEqual([picture.confirm(second), picture.release(second)], [true, false]);
  assert.deepEqual(reserved(picture), [2, 4096]);
  assert.equal(picture.held, 0);
});

test("a host that goes takes its reservations along; one that comes back is empty", () => {
  const picture = pictureOf(h1, h2);
  const held = picture.reserve(h1.id, { ...wish, antiAffinityGroup: "web" });
  assert.ok(held);
  picture.remove(h1.id);
  assert.deepEqual([picture.held, picture.size, picture.membersOf("web").size], [0, 1, 0]);
  assert.equal(choose(picture, wish, options), h2.id);
  picture.upsert(h1);
  assert.equal(picture.release(held), false);
  assert.deepEqual(reserved(picture), [0, 0]);
  assert.equal(choose(picture, wish, options), h1.id);
  assert.equal(picture.reserve("id-h9" as HostId, wish), undefined);
});

test("members of a group come from outside and from open reservations, and a host is taken by either", () => {
  const picture = pictureOf(h1, h2, host("h3"));
  const web = { ...wish, antiAffinityGroup: "web" };
  picture.setMembers("web", [h1.id]);
  const held = picture.reserve(h2.id, web);
  assert.ok(held);
  assert.equal(choose(picture, web, options), "id-h3");
  assert.equal(choose(picture, { ...wish, antiAffinityGroup: "db" }, options), h1.id);
  picture.confirm(held);
  assert.deepEqual([...picture.membersOf("web")], [h1.id, h2.id]);
  picture.setMembers("web", []);
  assert.equal(choose(picture, web, options), h1.id);
});

for (const planner of planners) {
  test(`${planner}: other factors hold at once, in both directions, and the old ones are not forgotten`, () => {
    const picture = pictureOf(host("h1", { reservedMemoryMiB: 8192 }));
    const under = (memory: number) =>
      choose(picture, wish, { planner, factors: { cpu: 1, memory } });
    assert.deepEqual(
      [1, 1.5, 1, 1.4, 1.5, 0.5, 2, 3, 1.5, 1].map(under),
      [1, 1.5, 1, 1.4, 1.5, 0.5, 2, 3, 1.5, 1].map((f) => (f >= 1.5 ? h1.id : undefined)),
    );
    const factors = { cpu: 1, memory: 1, clusters: { c1: { memory: 1.5 } } };
    assert.equal(choose(picture, wish, { planner, factors }), h1.id);
    factors.clusters.c1.memory = 1; // The same object, another setting.
    assert.equal(choose(picture, wish, { planner, factors }), undefined);
  });
}

for (const planner of planners) {
  test(`${planner}: what was full is found again when capacity is given back, and the other way round`, () => {
    const others = Array.from({ length: 40 }, (_, i) => host(`h${10 + i}`, { memoryMiB: 1024 }));
    const picture = pictureOf(...others, h1); // With company, so that a change is no reason to start anew.
    const all = { ...wish, memoryMiB: 8192 };
    for (let round = 0; round < 3; round++) {
      const how = { ...options, planner };
      assert.equal(choose(picture, all, how), h1.id);
      const held = picture.reserve(h1.id, wish);
      assert.ok(held);
      picture.upsert(host("h10", { memoryMiB: 1024, tags: [`round-${round}`] })); // Its neighbours are looked at.
      assert.equal(choose(picture, all, how), undefined);
      assert.equal(choose(picture, wish, how), h1.id);
      picture.release(held);
    }
  });
}

test("a zone is known for as long as it has hosts", () => {
  const fleet = new Fleet();
  const zones = () => fleet.places.zones.map(({ name }) => name).join(" ");
  fleet.upsert(h1);
  fleet.upsert({ ...h2, zone: "b" });
  assert.equal(zones(), "a b");
  fleet.upsert({ ...h1, zone: "b" });
  assert.equal(zones(), "b");
  fleet.remove(h1.id);
  assert.equal(zones(), "b");
  fleet.remove(h2.id);
  assert.equal(zones(), "");
});

test("a host that changes its name, zone or tags is found where it is now", () => {
  const picture = pictureOf(h1, h2);
  assert.equal(choose(picture, wish, options), h1.id);
  picture.upsert({ ...h1, name: "h3" });
  assert.equal(choose(picture, wish, options), h2.id);
  picture.upsert({ ...h2, zone: "b" });
  assert.equal(choose(picture, { ...wish, zone: "a" }, options), h1.id);
  assert.equal(choose(picture, { ...wish, tags: ["ssd"] }, options), undefined);
  picture.upsert({ ...h2, zone: "b", tags: ["hdd", "ssd"] });
  assert.equal(choose(picture, { ...wish, tags: ["ssd"] }, options), h2.id);
  assert.equal(choose(picture, { ...wish, tags: ["ssd", "hdd"] }, options), h2.id);
});

test("a refused request in a batch holds nothing and does not stop the others", () => {
  const picture = pictureOf(h1);
  const placed = placeAll(picture, [wish, { ...wish, memoryMiB: 6000 }, wish, wish], options);
  assert.deepEqual(
    placed.map((one) => one?.host),
    [h1.id, undefined, h1.id, undefined],
  );
  assert.deepEqual([picture.held, reserved(picture)], [2, [4, 8192]]);
});

test("on a larger fleet the index and the explanation agree, with more sizes than there are columns", () => {
  const random = seeded(5);
  const picture = new Picture();
  for (let i = 0; i < 600; i++)
    picture.upsert(
      host(`h${i}`, {
        zone: `z${i % 3}`,
        pod: `p${i % 20}`,
        tags: random.below(3) === 0 ? ["ssd"] : [],
        cpus: 32,
        memoryMiB: 65_536,
        reservedCpus: random.below(40),
        reservedMemoryMiB: random.below(64) * 1024,
        concerns: random.below(10) === 0 ? ["hot"] : [],
      }),
    );
  let found = 0;
  for (let i = 0; i < 900; i++) {
    const planner = random.pick<Planner>(["first-fit", "best-fit", "spread"]);
    const request: PlacementRequest = {
      cpus: 1 + random.below(30), // Thirty sizes, sixteen columns.
      memoryMiB: 512 * (1 + random.below(48)),
      ...(random.below(2) ? { zone: `z${random.below(3)}` } : {}),
      ...(random.below(3) ? {} : { antiAffinityGroup: `g${random.below(4)}` }),
      tags: random.below(4) ? [] : ["ssd"],
      avoidHosts: [],
    };
    const how = { planner, factors: { cpu: 1 + random.below(2), memory: 1 } };
    const chosen = choose(picture, request, how);
    assert.equal(chosen, explainIn(picture, request, how).chosen);
    if (!chosen) continue;
    found += 1;
    picture.reserve(chosen, request);
  }
  assert.ok(found > 400, `only ${found} of 900 found a place`);
});

test("a view that was not asked for longer than the log reaches back still gives the right host", () => {
  const picture = pictureOf(...Array.from({ length: 50 }, (_, i) => host(`h${10 + i}`)));
  const bestFit = { ...options, planner: "best-fit" } as const;
  assert.equal(choose(picture, wish, bestFit), "id-h10");
  picture.reserve("id-h30" as HostId, wish); // Seventy thousand changes later nobody remembers this.
  for (let i = 0; i < 35_000; i++) {
    const held = picture.reserve("id-h20" as HostId, wish);
    if (held) picture.release(held);
  }
  assert.equal(choose(picture, wish, bestFit), "id-h30");
});

test("views beyond the limit are dropped, the least recently used first, and made again when asked", () => {
  const fleet = new Fleet();
  for (let i = 0; i < 10; i++) fleet.upsert(host(`h${i}`, { tags: [`t${i}`] }));
  const views = new Views(fleet, 0); // Sixteen are kept all the same.
  const ask = (tag: string) =>
    views.find(
      { planner: "first-fit", zone: "a", tags: [tag], isHealthy: true },
      1,
      1,
      options.factors,
      undefined,
    );
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 40; i++) assert.equal(ask(`t${i}`), i < 10 ? i : -1);
  assert.equal(views.size, 16);
});
