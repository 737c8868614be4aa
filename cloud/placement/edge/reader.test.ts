/** What a picture believes after readings and choices came in every order, beside the rows. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import { Picture } from "../index.ts";
import { fleetReader } from "./reader.ts";

const idOf = (number: number) => `0190f5a0-0000-7000-8000-00000000000${number}` as HostId;
const [one, two] = [idOf(1), idOf(2)];
const size = { cpus: 1, memoryMiB: 128 };
let made: Awaited<ReturnType<typeof testDatabase>>;
let picture: Picture;
let reader: ReturnType<typeof fleetReader>;

before(async () => {
  made = await testDatabase();
  await ensureDefaultPlace(made.database);
});
beforeEach(async () => {
  await made.database.query("delete from host");
  await made.database.query(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib)
     select id, 'host-' || n, 'default', 'up', 'enabled', 8, 1024
     from unnest($1::uuid[]) with ordinality as h (id, n)`,
    [[one, two]],
  );
  picture = new Picture();
  reader = fleetReader(picture);
  await reader.refresh(made.database);
});
after(async () => {
  await made.drop();
  await stopTestServer();
});

const reserve = (sql: Sql, host: HostId) =>
  sql.query(
    "update host set reserved_cpus = reserved_cpus + 1, reserved_memory_mib = reserved_memory_mib + 128 where id = $1",
    [host],
  );
const believed = (host: HostId) => picture.find(host)?.reservedMemoryMiB;

test("what has changed is found among all hosts, whoever changed it, and what has not is left alone", async () => {
  let rows = 0;
  const counting: Sql = {
    async query(text, values) {
      const answer = await made.database.query<never>(text, values);
      rows = answer.length;
      return answer;
    },
  };
  await reserve(made.database, two);
  assert.equal(await reader.catchUp(counting), true);
  assert.deepEqual([believed(one), believed(two)], [0, 128]);
  // Once or twice the same, if somebody else on this server was writing meanwhile.
  do assert.equal(await reader.catchUp(counting), false);
  while (rows > 0);
});

test("a change that was under way during one reading is found by the next", async () => {
  await made.database.transaction(async (slow) => {
    await reserve(slow, one);
    await reserve(made.database, two);
    assert.equal(await reader.catchUp(made.database), true);
    assert.deepEqual([believed(one), believed(two)], [0, 128]);
  });
  assert.equal(await reader.catchUp(made.database), true);
  assert.equal(believed(one), 128);
});

test("what was read within a transaction that is undone afterwards is read again", async () => {
  const undone = made.database.transaction(async (sql) => {
    await reserve(sql, one);
    await reader.catchUp(sql);
    assert.equal(believed(one), 128);
    throw new Error("undone");
  });
  await assert.rejects(undone, /undone/);
  await reader.refresh(made.database);
  assert.equal(believed(one), 0);
});

test("a row that was read between a commit and the word of it does not count the choice twice", async () => {
  const held = picture.reserve(one, size);
  assert.ok(held);
  reader.begins(one);
  await reserve(made.database, one); // Committed, and its manager has not heard so.
  await reader.catchUp(made.database);
  picture.confirm(held);
  reader.ends(one);
  await reader.refresh(made.database);
  assert.equal(believed(one), 128);
});

test("a choice that begins and ends while a row from before it is being read is not lost", async () => {
  let answer: () => void = () => {};
  const isAsked = new Promise<void>((asked) => {
    const late: Sql = {
      async query(text, values) {
        const rows = await made.database.query<never>(text, values);
        asked();
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
        return rows;
      },
    };
    reader.distrust([one]);
    void reader.refresh(late);
  });
  await isAsked;
  const held = picture.reserve(one, size);
  assert.ok(held);
  reader.begins(one);
  await reserve(made.database, one);
  picture.confirm(held);
  reader.ends(one);
  answer();
  await reader.refresh(made.database);
  assert.equal(believed(one), 128);
});

test("who comes while another reads waits for that, and does not choose from what is being replaced", async () => {
  await reserve(made.database, one);
  reader.distrust([one]);
  void reader.refresh(made.database);
  await reader.refresh(made.database);
  assert.equal(believed(one), 128);
});

test("a reading that fails is made up for by the next", async () => {
  await reserve(made.database, one);
  const broken: Sql = { query: () => Promise.reject(new Error("cut")) };
  reader.distrust([one]);
  await assert.rejects(reader.refresh(broken), /cut/);
  await reader.refresh(made.database);
  assert.equal(believed(one), 128);
  await reserve(made.database, two);
  reader.distrust();
  await assert.rejects(reader.refresh(broken), /cut/);
  await reader.refresh(made.database);
  assert.equal(believed(two), 128);
});
