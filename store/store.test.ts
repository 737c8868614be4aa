/** The store on a real PostgreSQL: migrations, roles, the journal and leases. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { after, test } from "node:test";
import { type Instant, seconds } from "@holdfast/kernel/time";
import { brokenConstraint, connectDatabase, type Sql } from "./database.ts";
import { appendJournal, readJournal } from "./journal.ts";
import { dropLease, holdLease } from "./leases.ts";
import { migrate } from "./migrate.ts";
import { announce, listen, type News } from "./news.ts";
import { beginning, readSubjects } from "./tail.ts";
import { migrations, stopTestServer, testDatabase } from "./testing.ts";

after(stopTestServer);
const subject = "01890000-0000-7000-8000-000000000001";
const row = {
  at: 1_000 as Instant,
  kind: "instance",
  subject,
  event: "start",
  actor: "ada",
} as const;

test("two managers that start at the same moment migrate once", async () => {
  const { database, drop } = await testDatabase();
  await database.query("drop schema public cascade; create schema public");
  const applied = await Promise.all([migrate(database, migrations), migrate(database, migrations)]);
  assert.deepEqual(applied.map((names) => names.length > 0).sort(), [false, true]);
  await drop();
});

test("the manager's role may add to the journal, and neither rewrite nor forget it", async () => {
  const { database, url, drop } = await testDatabase();
  const manager = connectDatabase({ url, role: "holdfast_manager" });
  await appendJournal(manager, [row]);
  assert.equal((await readJournal(manager, subject)).length, 1);
  for (const sql of ["update journal set event = 'x'", "delete from journal", "drop table journal"])
    await assert.rejects(manager.query(sql), /permission denied|must be owner/);
  await manager.close();
  await drop();
  assert.ok(database);
});

test("what others name stays: the manager's role deletes no instance, host or certificate", async () => {
  const { url, drop } = await testDatabase();
  const manager = connectDatabase({ url, role: "holdfast_manager" });
  for (const table of ["instance", "host", "fence_certificate", "incarnation", "death"])
    await assert.rejects(manager.query(`delete from ${table}`), /permission denied/);
  await manager.close();
  await drop();
});

test("a list arrives as it was given, whatever is in its texts", async () => {
  const { database, drop } = await testDatabase();
  const texts = ["plain", "", "NULL", "null", '"', "\\", "{a,b}", "a b", "\n", "ü", null];
  const [row] = await database.query<{ texts: string[]; counts: number[]; are: boolean[] }>(
    "select $1::text[] as texts, $2::int[] as counts, $3::bool[] as are",
    [texts, [1, -2, null], [true, false]],
  );
  assert.deepEqual(row, { texts, counts: [1, -2, null], are: [true, false] });
  const deep = [
    [1, 2],
    [3, 4],
  ];
  const at = new Date(1_000);
  const [other] = await database.query<{ deep: number[][]; at: number[] }>(
    "select $1::int[] as deep, $2::timestamptz[] as at",
    [deep, [at]],
  );
  assert.deepEqual(other, { deep, at: [1_000] });
  await drop();
});

test("whom events are about that change nothing is not told, and they are counted all the same", async () => {
  const { database, drop } = await testDatabase();
  const other = "01890000-0000-7000-8000-000000000002";
  await appendJournal(database, [row, { ...row, subject: other, event: "bootConfirmed" }]);
  const besides = await readSubjects(database, beginning, 10, ["bootConfirmed"]);
  assert.deepEqual([besides.count, besides.by], [2, { instance: [subject] }]);
  const all = await readSubjects(database, beginning, 10, ["start", "bootConfirmed"]);
  assert.deepEqual([all.count, all.by, all.end], [2, { instance: [] }, besides.end]);
  await drop();
});

test("a lease has one holder, and a new one has a higher epoch", async () => {
  const { database, drop } = await testDatabase();
  const take = (owner: string) => holdLease(database, "clock", owner, seconds(60));
  assert.deepEqual([await take("a"), await take("b"), await take("a")], [1, undefined, 1]);
  await dropLease(database, "clock", "a");
  assert.equal(await take("b"), 2);
  await drop();
});

test("news is heard when its transaction commits, and not if it does not", async () => {
  const { database, url, drop } = await testDatabase();
  const heard: News[] = [];
  const ears = new EventEmitter();
  const [ready, done] = [once(ears, "ready"), once(ears, "done")];
  const onNews = (news: News) => {
    heard.push(news);
    if (news.jobs) ears.emit("done");
  };
  const listener = listen(url, "me", onNews, () => ears.emit("ready"));
  await ready;
  await assert.rejects(
    database.transaction(async (sql) => {
      await announce(sql, { from: "other", hosts: ["never"] });
      throw new Error("no");
    }),
  );
  await database.transaction((sql) => announce(sql, { from: "me", hosts: ["own"] }));
  await database.transaction((sql) => announce(sql, { from: "other", jobs: ["one"] }));
  await done;
  assert.deepEqual(heard, [{ from: "other", jobs: ["one"] }]);
  await listener.close();
  await drop();
});

test("a statement that was prepared before a migration is prepared again", async () => {
  const { database, url, drop } = await testDatabase();
  const other = connectDatabase({ url, connections: 1 });
  const read = (sql: Sql) => sql.query("select * from zone where name <> $1", ["x"]);
  await read(other);
  await database.query("alter table zone add column region text");
  await database.query("insert into zone (name, region) values ('a', 'north')");
  assert.deepEqual(await read(other), [{ name: "a", region: "north" }]);
  await database.query("alter table zone drop column region");
  assert.deepEqual(await other.transaction(read), [{ name: "a" }]);
  await other.close();
  await drop();
});

test("of statements sent together none has an effect once one has failed", async () => {
  const { database, drop } = await testDatabase();
  const add = (sql: Sql, name: string) => sql.query("insert into zone values ($1)", [name]);
  const together = database.transaction((sql) =>
    Promise.all(["a", "b", "a", "c"].map((name) => add(sql, name))),
  );
  await assert.rejects(together, (error) => brokenConstraint(error) === "zone_pkey");
  assert.deepEqual(await database.query("select name from zone"), []);
  await drop();
});

test("a commit that leaves with the last statements commits all of them, or none", async () => {
  const { database, drop } = await testDatabase();
  const add = (sql: Sql, name: string) => sql.query("insert into zone values ($1)", [name]);
  const names = async () =>
    (await database.query<{ name: string }>("select name from zone order by name")).map(
      ({ name }) => name,
    );
  const together = (...all: readonly string[]) =>
    database.transaction(async (sql) => {
      for (const name of all) sql.last(add(sql, name));
    });
  await together("a", "b");
  assert.deepEqual(await names(), ["a", "b"]);
  const isTaken = (error: unknown) => brokenConstraint(error) === "zone_pkey";
  await assert.rejects(together("c", "a", "d"), isTaken);
  assert.deepEqual(await names(), ["a", "b"]);
  await assert.rejects(
    database.transaction(async (sql) => {
      sql.last(add(sql, "e").then(() => add(sql, "f")));
    }),
    /behind the end/,
  );
  assert.deepEqual(await names(), ["a", "b", "e"], "what was asked before the commit stays");
  await drop();
});

test("a look-up that waits for what somebody holds is refused in time, and the next is answered", async () => {
  const { database, drop } = await testDatabase();
  const look = () => database.lookUps.query("select name from zone where name = $1", ["a"]);
  assert.deepEqual(await look(), []);
  const limit = await database.lookUps.query("show statement_timeout");
  assert.deepEqual(limit, [{ statement_timeout: "2s" }], "without it the rest waits for ever");
  await database.transaction(async (sql) => {
    await sql.query("set local idle_in_transaction_session_timeout = 0");
    await sql.query("lock table zone");
    const refused = () => assert.rejects(look(), { code: "database_unavailable" });
    const first = refused();
    await sql.query("select"); // The second is of another breath.
    await Promise.all([first, refused()]);
  });
  assert.deepEqual(await look(), []);
  await drop();
});

test("what is asked behind the end of a transaction is refused, and has no effect", async () => {
  const { database, drop } = await testDatabase();
  let late: Promise<unknown> | undefined;
  const failing = database.transaction(async (sql) => {
    late = new Promise((resolve) => setTimeout(resolve, 20)).then(() => appendJournal(sql, [row]));
    late.catch(() => {});
    await Promise.all([sql.query("select 1 / 0"), late]);
  });
  await assert.rejects(failing, /division by zero/);
  await assert.rejects(late ?? Promise.resolve(), /division by zero/);
  let behind: Sql | undefined;
  await database.transaction(async (sql) => {
    behind = sql;
    await sql.query("select");
  });
  await assert.rejects(behind?.query("select") ?? Promise.resolve(), /behind the end/);
  assert.deepEqual(await readJournal(database, subject), []);
  await drop();
});

test("a transaction of a manager that stood still is undone for the sake of the others, and done again", async () => {
  const { database, drop } = await testDatabase();
  let tries = 0;
  const [limit] = await database.query("show idle_in_transaction_session_timeout");
  assert.deepEqual(limit, { idle_in_transaction_session_timeout: "5s" });
  await database.transaction(async (sql) => {
    await appendJournal(sql, [row]);
    if (++tries > 1) return;
    await sql.query("set local idle_in_transaction_session_timeout = 20");
    const [self] = await sql.query<{ pid: number }>("select pg_backend_pid() as pid");
    while (existsSync(`/proc/${self?.pid}`)); // Nothing else is heard or said: as if stopped by a signal.
    await sql.query("select 1");
  });
  assert.equal(tries, 2);
  assert.equal((await readJournal(database, subject)).length, 1);
  await drop();
});
