/** Questions of one breath, on connections that are answered by hand. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type pg from "pg";
import { inPackets } from "./packets.ts";

interface Open {
  readonly client: pg.PoolClient;
  /** What it was asked, with ways to answer. */
  readonly asked: { readonly text: string; answer(row: string): void; fail(error: Error): void }[];
  /** How it was given back; undefined as long as it is not. */
  givenBack: { readonly with: Error | undefined } | undefined;
  break(error: Error): void;
}

const stale = new Error("stale");

/** Connections that come when the test hands them out. */
function desk() {
  const wanted: (() => Open)[] = [];
  const refusals: ((error: Error) => void)[] = [];
  const asking = new Map<pg.PoolClient, Open>();
  const query = inPackets({
    take: (onError) =>
      new Promise((resolve, reject) => {
        refusals.push(reject);
        wanted.push(() => {
          const events = new EventEmitter().on("error", onError);
          const release = (error?: Error) => {
            open.givenBack = { with: error };
          };
          const client = Object.assign(events, { release }) as unknown as pg.PoolClient; // All that is used of one.
          const open: Open = {
            ...{ client, asked: [], givenBack: undefined },
            break: (error) => void events.emit("error", error),
          };
          asking.set(client, open);
          resolve(client);
          return open;
        });
      }),
    ask: (client, text) =>
      new Promise((resolve, reject) => {
        const answer = (row: string) => resolve([{ row }] as unknown as never[]); // Rows of any shape.
        asking.get(client)?.asked.push({ text, answer, fail: reject });
      }),
    isStale: (error) => error === stale,
    lossOf: (error) => new Error(`away: ${error.message}`),
  });
  const handOut = async () => {
    const give = wanted.shift();
    refusals.shift();
    assert.ok(give, "nobody wants a connection");
    const open = give();
    await turn();
    return open;
  };
  /** Says to whoever has wanted one for the longest that there is none. */
  const refuse = async (error: Error) => {
    wanted.shift();
    refusals.shift()?.(error);
    await turn();
  };
  return { query, handOut, refuse, wanted };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
const texts = ({ asked }: Open) => asked.map(({ text }) => text);

test("what is asked before a connection is free goes to that one, in order, and each has its own answer", async () => {
  const { query, handOut, wanted } = desk();
  const [one, two] = [query("one"), query("two")];
  await turn();
  const late = query("late");
  assert.equal(wanted.length, 1);
  const open = await handOut();
  assert.deepEqual(texts(open), ["one", "two", "late"]);
  for (const { text, answer } of open.asked) answer(text);
  assert.deepEqual(await Promise.all([one, two, late]), [
    [{ row: "one" }],
    [{ row: "two" }],
    [{ row: "late" }],
  ]);
  await turn();
  assert.deepEqual(open.givenBack, { with: undefined });
});

test("what is asked while a packet is under way waits for nobody of it", async () => {
  const { query, handOut } = desk();
  const slow = query("slow");
  const first = await handOut();
  const next = query("next");
  const second = await handOut();
  second.asked[0]?.answer("next");
  assert.deepEqual(await next, [{ row: "next" }]);
  first.asked[0]?.answer("slow");
  assert.deepEqual(await slow, [{ row: "slow" }]);
});

test("one that fails fails alone", async () => {
  const { query, handOut } = desk();
  const [bad, good] = [query("bad"), query("good")];
  const open = await handOut();
  open.asked[0]?.fail(new Error("no such table"));
  open.asked[1]?.answer("good");
  await assert.rejects(bad, /no such table/);
  assert.deepEqual(await good, [{ row: "good" }]);
  await turn();
  assert.deepEqual(open.givenBack, { with: undefined });
});

test("a plan that is older than its table is made anew on another connection, and the old one is not used again", async () => {
  const { query, handOut } = desk();
  const asked = query("one");
  const old = await handOut();
  old.asked[0]?.fail(stale);
  await turn();
  assert.deepEqual(old.givenBack, { with: stale });
  const fresh = await handOut();
  fresh.asked[0]?.answer("one");
  assert.deepEqual(await asked, [{ row: "one" }]);
});

test("whoever gets a connection that ends at that moment is told, and does not ask it", async () => {
  const { query, wanted } = desk();
  const asked = query("one");
  const open = wanted.shift()?.();
  open?.break(new Error("gone"));
  await assert.rejects(asked, /away: gone/);
  await turn();
  assert.deepEqual(open?.asked, []);
  assert.match(String(open?.givenBack?.with), /gone/);
});

test("where no connection is free in time those are refused who have waited for it, and who came later wait on", async () => {
  const { query, handOut, refuse } = desk();
  const breath = [query("one"), query("two")].map((asked) => assert.rejects(asked, /none is free/));
  await turn();
  const late = query("late");
  await refuse(new Error("none is free"));
  await Promise.all(breath);
  const open = await handOut();
  assert.deepEqual(texts(open), ["late"]);
  open.asked[0]?.answer("late");
  assert.deepEqual(await late, [{ row: "late" }]);
});
