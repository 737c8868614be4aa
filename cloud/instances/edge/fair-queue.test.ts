/** The order of work: no matter how long any of it takes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fairQueue } from "./fair-queue.ts";

interface Request {
  readonly owner: string;
  readonly size: number;
}
const queue = () =>
  fairQueue<Request>(
    ({ owner }) => owner,
    ({ size }) => size,
  );
const told = (taken: readonly Request[]) => taken.map(({ owner, size }) => `${owner}${size}`);

test("who asks for one goes before the rest of another's ten thousand, and not together with it", () => {
  const waiting = queue();
  for (let i = 0; i < 10; i++) waiting.push({ owner: "a", size: 1_000 });
  assert.deepEqual(told(waiting.take(500)), ["a1000"]);
  waiting.push({ owner: "b", size: 1 });
  assert.deepEqual(told(waiting.take(500)), ["b1"]);
  assert.deepEqual(told(waiting.take(500)), ["a1000"]);
  assert.deepEqual([waiting.length, waiting.size], [8, 8_000]);
});

test("what the others have waiting is taken beside a crowd, if it is little, and paid for", () => {
  const waiting = queue();
  for (const [owner, size] of [
    ["a", 1_000],
    ["b", 1],
    ["b", 2],
    ["c", 40],
    ["d", 1],
  ] as const)
    waiting.push({ owner, size });
  assert.deepEqual(told(waiting.takeFew(new Set(["a"]), 16)), ["b1", "b2", "d1"]);
  assert.deepEqual([waiting.length, waiting.size], [2, 1_040]);
  waiting.push({ owner: "b", size: 1 });
  assert.deepEqual(told(waiting.takeFew(new Set(["b"]), 16)), []);
  assert.deepEqual(told(waiting.take(50)), ["a1000"]);
  assert.deepEqual(
    told(waiting.take(50)),
    ["c40", "b1"],
    "who has been given some already is behind",
  );
});

test("thousands of small requests of one are taken by turns with the few of another", () => {
  const waiting = queue();
  for (let i = 0; i < 5_000; i++) waiting.push({ owner: "a", size: 1 });
  for (let i = 0; i < 3; i++) waiting.push({ owner: "b", size: 1 });
  const first = told(waiting.take(10));
  assert.deepEqual(
    first.filter((one) => one === "b1"),
    ["b1", "b1", "b1"],
  );
  assert.equal(first.length, 10);
});

test("a stream of small requests does not keep a large one waiting for ever", () => {
  const waiting = queue();
  waiting.push({ owner: "a", size: 400 });
  waiting.push({ owner: "a", size: 400 });
  let passes = 0;
  while (waiting.length > 0 && passes < 50) {
    for (let i = 0; i < 100; i++) waiting.push({ owner: "b", size: 1 });
    const taken = waiting.take(100);
    passes++;
    if (taken.filter(({ owner }) => owner === "a").length > 0 && passes > 1) break;
  }
  assert.ok(passes < 10, `taken after ${passes} passes`);
});

test("of one owner the first to come is the first to be taken, and nothing is lost or taken twice", () => {
  const waiting = queue();
  const all = Array.from({ length: 300 }, (_, i) => ({
    owner: "abc"[i % 3] ?? "",
    size: 1 + (i % 7),
  }));
  for (const one of all) waiting.push(one);
  const taken: Request[] = [];
  while (waiting.length > 0) taken.push(...waiting.take(20));
  for (const owner of "abc") {
    const mine = (list: readonly Request[]) => list.filter((one) => one.owner === owner);
    assert.deepEqual(mine(taken), mine(all));
  }
});

test("whoever was idle has saved nothing up", () => {
  const waiting = queue();
  waiting.push({ owner: "b", size: 1 });
  waiting.take(10);
  for (let i = 0; i < 20; i++) {
    waiting.push({ owner: "a", size: 100 });
    waiting.take(10);
  }
  for (let i = 0; i < 100; i++) waiting.push({ owner: "a", size: 1 });
  for (let i = 0; i < 100; i++) waiting.push({ owner: "b", size: 1 });
  const mine = told(waiting.take(100)).filter((one) => one === "b1").length;
  assert.ok(mine > 30 && mine < 70, `${mine} of 100`);
});
