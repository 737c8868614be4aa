/** A shelf against a plain sorted list: whatever happened to it, both give the same first item. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "@holdfast/kernel/random";
import { Nodes } from "./nodes.ts";
import { Shelf } from "./shelf.ts";

const items = 700;

/** Items with a key that gives their order and a weight that says what they can give. */
function shelfOf(key: number[], weight: number[], nodes = new Nodes()) {
  const leaves = { at: new Int32Array(items) };
  const before = (a: number, b: number) =>
    key[a] === key[b] ? a < b : (key[a] ?? 0) < (key[b] ?? 0);
  const content = {
    used: () => 1,
    key: (item: number) => Math.floor((key[item] ?? 0) / 4), // Ties, so that both ways to compare are used.
    before,
    gives: (item: number) => weight[item] ?? -1,
  };
  return { shelf: new Shelf(content, nodes, leaves), before, nodes };
}

test("a shelf gives the same first item as a sorted list, through growing, churn and shrinking", () => {
  for (const seed of [1, 2, 3]) {
    const random = seeded(seed);
    const key = Array.from({ length: items }, () => random.below(50));
    const weight = Array.from({ length: items }, () => random.below(1000));
    const { shelf, before } = shelfOf(key, weight);
    const present = new Set<number>();
    for (let item = 0; item < items; item++) if (random.below(seed) > 0) present.add(item);
    shelf.fill([...present]);
    for (let step = 0; step < 6000; step++) {
      const item = random.below(items);
      const wantsMore = step < 3000 ? random.below(10) < 7 : random.below(10) < 3;
      if (present.has(item)) {
        shelf.remove(item);
        present.delete(item);
      }
      if (wantsMore) {
        key[item] = random.below(50);
        weight[item] = random.below(1000);
        shelf.add(item);
        present.add(item);
      }
      const other = random.below(items);
      if (present.has(other)) {
        const before = weight[other] ?? 0;
        weight[other] = random.below(1000);
        if (weight[other] > before) shelf.raise(other); // That it fell is nothing to be told.
      }
      if (step % 10 > 0) continue;
      const sorted = [...present].sort((a, b) => (before(a, b) ? -1 : 1));
      assert.deepEqual([...shelf.items()], sorted);
      const most = Math.max(-1, ...sorted.map((one) => weight[one] ?? 0));
      assert.ok(shelf.most(0) >= most);
      const least = random.below(1000);
      const skip = random.below(5);
      const accept = (one: number) => (weight[one] ?? 0) >= least && one % 5 !== skip;
      assert.equal(shelf.first(0, least, accept), sorted.find(accept) ?? -1);
      assert.equal(shelf.first(0, most + 1), -1);
      assert.equal(shelf.most(0), most); // Whoever looks for more than there is leaves that behind.
    }
  }
});

test("a shelf that shrinks gives its nodes back", () => {
  const { shelf, nodes } = shelfOf(Array(items).fill(0), Array(items).fill(1));
  for (let item = 0; item < items; item++) shelf.add(item);
  assert.ok(nodes.size > 20, `${nodes.size} nodes for ${items} items`);
  for (let item = 0; item < items; item++) if (item % 20 !== 0) shelf.remove(item);
  assert.ok(nodes.size < 10, `${nodes.size} nodes for ${shelf.size} items`);
  for (let item = 0; item < items; item += 20) shelf.remove(item);
  assert.deepEqual([shelf.size, nodes.size, shelf.most(0)], [0, 1, -1]);
});

test("a search does not look into branches that have nothing big enough", () => {
  const weight = Array.from({ length: items }, (_, item) => (item === 650 ? 9 : 1));
  const { shelf } = shelfOf(Array(items).fill(0), weight);
  for (let item = 0; item < items; item++) shelf.add(item);
  let looked = 0;
  const found = shelf.first(0, 9, (item) => {
    looked += 1;
    return weight[item] === 9;
  });
  assert.equal(found, 650);
  assert.ok(looked <= 32, `looked at ${looked} items`);
});

test("after the numbers of items changed in place, remeasuring finds them", () => {
  const weight: number[] = Array(items).fill(1);
  const { shelf } = shelfOf(Array(items).fill(0), weight);
  for (let item = 0; item < items; item++) shelf.add(item);
  weight[321] = 77;
  shelf.remeasure();
  assert.equal(
    shelf.first(0, 77, (item) => weight[item] === 77),
    321,
  );
});
