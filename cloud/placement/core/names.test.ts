import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "@holdfast/kernel/random";
import { NameOrder } from "./names.ts";

function orderOf(names: (string | undefined)[]) {
  const order = new NameOrder();
  const name = (slot: number) => names[slot] ?? "";
  const settle = () => order.settle((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
  const byLabel = () => [...order.sorted].sort((a, b) => at(a) - at(b));
  const at = (slot: number) => order.labels[slot] ?? Number.NaN;
  return { order, settle, byLabel };
}

test("labels follow the names while hosts come, go and take the slots of others", () => {
  const random = seeded(7);
  const names: (string | undefined)[] = Array(40).fill(undefined);
  const { order, settle, byLabel } = orderOf(names);
  for (let step = 0; step < 2000; step++) {
    const slot = random.below(names.length);
    if (names[slot] !== undefined) order.leave(slot);
    names[slot] = random.below(3) === 0 ? undefined : `h${random.below(1000)}-${slot}`;
    if (names[slot] !== undefined) order.join(slot);
    if (random.below(3) > 0) continue;
    settle();
    const occupied = names.flatMap((name, index) => (name === undefined ? [] : [{ name, index }]));
    const expected = occupied.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ index }) => index);
    assert.deepEqual(order.sorted, expected);
    assert.deepEqual(byLabel(), expected);
    assert.equal(new Set(expected.map((one) => order.labels[one])).size, expected.length);
  }
});

test("when no number is left between two neighbours all labels are made anew, and it says so", () => {
  const names = ["a", "z"];
  const { order, settle, byLabel } = orderOf(names);
  order.join(0);
  order.join(1);
  assert.equal(settle(), true);
  let renewed = 0;
  for (let i = 0; i < 200; i++) {
    names.push(`b${String(2000 - i)}`); // Each comes right after `a`.
    order.join(names.length - 1);
    if (!settle()) renewed += 1;
  }
  assert.ok(renewed > 0 && renewed < 10, `renewed ${renewed} times`);
  assert.deepEqual(byLabel(), order.sorted);
  assert.deepEqual(order.sorted.slice(0, 3), [0, 201, 200]);
});
