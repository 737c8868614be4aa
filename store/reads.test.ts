/** Reading once for many, with readings that are answered by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shared, together } from "./reads.ts";

/** A source that keeps each reading open until it is told the answer. */
function source<Asked, Answer>() {
  const open: { asked: Asked; answer(value: Answer): void; fail(): void }[] = [];
  const read = (asked: Asked) =>
    new Promise<Answer>((answer, reject) => {
      open.push({ asked, answer, fail: () => reject(new Error("no")) });
    });
  return { open, read };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("who asks during a reading is not given its answer but that of the next, together with others", async () => {
  const { open, read } = source<string, number>();
  const ask = shared(read);
  const first = ask("a");
  await turn();
  const [second, third] = [ask("a"), ask("a")];
  await turn();
  assert.equal(open.length, 1);
  open[0]?.answer(1);
  assert.equal(await first, 1);
  await turn();
  assert.equal(open.length, 2);
  open[1]?.answer(2);
  assert.deepEqual(await Promise.all([second, third]), [2, 2]);
});

test("of those who ask in one turn of the loop nobody is read for alone", async () => {
  const { open, read } = source<string, number>();
  const ask = shared(read);
  const first = ask("a");
  await Promise.resolve(); // As whoever comes with another request of the same turn.
  const second = ask("a");
  await turn();
  open[0]?.answer(1);
  assert.deepEqual([await first, await second, open.length], [1, 1, 1]);
});

test("what several readings ask at the end of a turn is asked in one breath", async () => {
  const asked: string[] = [];
  const read = (name: string) =>
    shared(async () => {
      asked.push(name);
      process.nextTick(() => asked.push("sent"));
    })("");
  await Promise.all([read("a"), read("b"), read("c")]);
  await turn();
  assert.deepEqual(asked.slice(0, 4), ["a", "b", "c", "sent"]);
});

test("another key waits for nobody, and a reading that failed is not remembered", async () => {
  const { open, read } = source<string, number>();
  const ask = shared(read);
  const [a, b] = [ask("a"), ask("b")];
  await turn();
  const again = ask("a");
  await turn();
  assert.deepEqual(
    open.map(({ asked }) => asked),
    ["a", "b"],
  );
  open[0]?.fail();
  await assert.rejects(a);
  await turn();
  open[1]?.answer(5);
  open[2]?.answer(6);
  assert.deepEqual(await Promise.all([b, again]), [5, 6]);
});

test("questions for different keys go into one reading, each exactly once", async () => {
  const { open, read } = source<readonly string[], ReadonlyMap<string, number>>();
  const ask = together(read);
  const a = ask("a");
  await turn();
  const [b, c] = [ask("b"), ask("c")];
  assert.deepEqual(open[0]?.asked, ["a"]);
  open[0]?.answer(new Map([["a", 1]]));
  await turn();
  assert.deepEqual(open[1]?.asked, ["b", "c"]);
  open[1]?.answer(new Map([["b", 2]]));
  assert.deepEqual(await Promise.all([a, b, c]), [1, 2, undefined]);
});
