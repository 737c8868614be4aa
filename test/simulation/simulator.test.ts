/** What is promised of the simulator itself: one seed is one run, and what it remembers is what is so. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import type pg from "pg";
import { openBackends } from "../../apps/simulator/backends.ts";
import { stream } from "../../apps/simulator/chance.ts";
import { openLine, type Server } from "../../apps/simulator/connections.ts";
import { newMemo, underWay } from "../../apps/simulator/memo.ts";
import { drawPlan, kindsOfFault } from "../../apps/simulator/plan.ts";
import { type RunOptions, run } from "../../apps/simulator/run.ts";
import { smallCloud } from "../../apps/simulator/seeds.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import {
  beginTime,
  giveBackTime,
  hold,
  live,
  sleepFor,
  takeOverTime,
} from "../../apps/simulator/time.ts";
import { real } from "../../apps/simulator/timers.ts";
import { databaseOn } from "../../store/database.ts";

const databases = await openDatabases();
takeOverTime();
after(async () => {
  giveBackTime();
  await databases.close();
});

const short = (seed: number): RunOptions => ({ ...smallCloud(seed), length: 15_000 });

test("the same seed is the same run, however busy the machine is, and another seed another", async () => {
  const first = await run(short(7), databases);
  const other = await run(short(8), databases);
  const burners = Array.from({ length: 2 }, () => new Worker("for (;;) {}", { eval: true }));
  const again = await run(short(7), databases);
  for (const burner of burners) await burner.terminate();
  assert.deepEqual(again.lines, first.lines);
  assert.equal(again.fingerprint, first.fingerprint);
  assert.equal(again.statements, first.statements);
  assert.notEqual(other.fingerprint, first.fingerprint);
});

test("what really takes time comes to its end before what else follows from the same turn", async () => {
  beginTime();
  const order: string[] = [];
  void sleepFor(1).then(async () => {
    setImmediate(() => order.push("later"));
    await hold(() => new Promise((resolve) => real.setTimeout(resolve, 5)));
    order.push("held");
  });
  await live(() => order.length === 2);
  assert.deepEqual(order, ["held", "later"]);
});

test("what is remembered is what PostgreSQL would say", async () => {
  const { violations, faults } = await run({ ...short(11), doubts: true }, databases);
  assert.deepEqual(violations, []);
  assert.ok(faults.size > 0);
});

test("how far the journal can be read is remembered until a transaction ends", () => {
  const memo = newMemo(new Set(["journal", "host"]), new Map());
  const text = "select from journal j where j.xact < pg_snapshot_xmin(pg_current_snapshot())";
  const answer = { rows: [] } as unknown as pg.QueryResult; // Nobody reads the rest of it.
  memo.remember({ text }, answer);
  memo.changed(["host"]);
  assert.equal(memo.recall({ text }), answer);
  memo.changed([underWay]);
  assert.equal(memo.recall({ text }), undefined);
});

test("a plan is drawn from its seed, and holds only the faults that were asked for", () => {
  const options = { ...smallCloud(3), faults: ["guests"] as const };
  const plan = drawPlan(options);
  assert.deepEqual(drawPlan(options), plan);
  const struck = plan.filter(({ do: deed }) => deed === "guest-suffers");
  assert.ok(struck.length > 0);
  assert.ok(!plan.some(({ do: deed }) => deed === "cable-cut" || deed === "manager-dies"));
  assert.ok(drawPlan(smallCloud(3)).length > 0 && kindsOfFault.length > 1);
});

test("who waits for a lock gets it when it is let go, and who closes a circle is told", async () => {
  await inAWorld(async ({ server, newLine }) => {
    const one = databaseOn(newLine("one").connections);
    const other = databaseOn(newLine("other").connections);
    await one.query("create table pair (id int primary key, by text)");
    await one.query("insert into pair values (1, ''), (2, '')");
    const order: string[] = [];
    const write = (database: typeof one, who: string, ids: readonly number[]) =>
      database.transaction(async (sql) => {
        for (const id of ids) {
          await sql.query("update pair set by = $1 where id = $2", [who, id]);
          await sleepFor(500);
        }
        order.push(who);
      });
    await Promise.all([
      write(one, "one", [1, 2]),
      sleepFor(100).then(() => write(other, "other", [2, 1])),
    ]);
    assert.deepEqual(order, ["one", "other"]); // The second closed the circle, and was run again.
    assert.equal(server.backends.counts.deadlocks, 1);
    assert.deepEqual(await one.query("select by from pair order by id"), [
      { by: "other" },
      { by: "other" },
    ]);
  });
});

test("what a manager has not committed is lost with it, and its locks are let go", async () => {
  await inAWorld(async ({ newLine }) => {
    const line = newLine("mortal");
    const mortal = databaseOn(line.connections);
    const survivor = databaseOn(newLine("survivor").connections);
    await survivor.query("create table count (n int)");
    await survivor.query("insert into count values (0)");
    let hasWritten = false;
    void mortal.transaction(async (sql) => {
      await sql.query("update count set n = 1");
      hasWritten = true;
      await sleepFor(60_000);
    });
    while (!hasWritten) await sleepFor(10);
    line.die(false);
    await survivor.query("update count set n = n + 10");
    assert.deepEqual(await survivor.query("select n from count"), [{ n: 10 }]);
  });
});

test("a transaction in which nothing happens for five seconds is broken off, and run again", async () => {
  await inAWorld(async ({ newLine }) => {
    const database = databaseOn(newLine("slow").connections);
    await database.query("create table note (n int)");
    let tries = 0;
    await database.transaction(async (sql) => {
      await sql.query("insert into note values (1)");
      if (++tries === 1) await sleepFor(10_000);
      await sql.query("insert into note values (2)");
    });
    assert.equal(tries, 2);
    assert.deepEqual(await database.query("select count(*)::int as n from note"), [{ n: 2 }]);
  });
});

async function inAWorld(
  story: (world: {
    server: Server;
    newLine(name: string): ReturnType<typeof openLine>;
  }) => Promise<void>,
): Promise<void> {
  beginTime();
  const { url, drop } = await databases.open();
  const backends = await openBackends(url, "holdfast_owner", () => databases.tell());
  const server: Server = {
    ...{ backends, memo: newMemo(new Set(["pair", "count", "note"]), new Map()), isUp: true },
    ...{ locks: new Set(), open: new Set(), onNotify() {}, onCommit() {} },
    doubt: (_, known) => known,
  };
  let failure: unknown;
  let isOver = false;
  void story({ server, newLine: (name) => openLine(server, stream(1, name)) })
    .catch((error: unknown) => {
      failure = error ?? new Error("it failed");
    })
    .finally(() => {
      isOver = true;
    });
  try {
    await live(() => isOver);
  } finally {
    await backends.close();
    await drop();
  }
  if (failure) throw failure;
}
