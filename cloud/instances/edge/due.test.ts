/** Who is found to be due, and what is written for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, iso } from "@holdfast/kernel/time";
import { findDue, findWaiting, nextDue, putRight, takeDue } from "./due.ts";
import { oneInstance } from "./fixture-instance.ts";

const made = await oneInstance();
const { database, id, host } = made;
const moment = (minute: number) => Date.UTC(2026, 10, 21, 12, minute) as Instant;
const lookAt = (at: Instant | null) =>
  database.query("update instance set look_at = $1", [at === null ? null : iso(at)]);
const take = (by: Instant) => database.transaction((sql) => takeDue(sql, by, 10));
const due = { due: [id], early: [] };
const early = { due: [], early: [id] };
const nobody = { due: [], early: [] };

test("it is found from its moment on, whoever has said which that is", async () => {
  await lookAt(null);
  await putRight(database, [id]);
  assert.equal(await nextDue(database), undefined);
  await lookAt(moment(5));
  assert.deepEqual([await take(moment(4)), await take(moment(5))], [nobody, due]);
  await lookAt(moment(3));
  assert.deepEqual([await take(moment(2)), await take(moment(3))], [nobody, due]);
  assert.deepEqual(await findDue(database, moment(3), 10), [id]);
});

test("one that is to be looked at later, or not at all, is found once too early and put right", async () => {
  await lookAt(moment(3));
  await lookAt(moment(8));
  assert.deepEqual([await take(moment(4)), await findDue(database, moment(4), 10)], [early, []]);
  await putRight(database, [id]);
  assert.deepEqual([await nextDue(database), await take(moment(4))], [moment(8), nobody]);
  assert.deepEqual(await take(moment(8)), due);
  await lookAt(null);
  assert.deepEqual(await take(moment(8)), early);
  await putRight(database, [id]);
  assert.deepEqual([await nextDue(database), await take(moment(9))], [undefined, nobody]);
});

test("one that is not put right yet is found when its moment becomes an earlier one", async () => {
  await lookAt(moment(6));
  await lookAt(null);
  await lookAt(moment(7));
  assert.deepEqual([await take(moment(6)), await take(moment(7))], [early, due]);
});

test("whoever waits is found without being among those that are due, and is among them from then on", async () => {
  await lookAt(moment(6));
  for (const lose of ["delete from due", `update due set at = '${iso(moment(9))}'`]) {
    await database.query(lose);
    assert.deepEqual(await take(moment(6)), nobody);
    assert.deepEqual(await database.transaction(findWaiting), [id]);
    assert.deepEqual(await take(moment(6)), due);
  }
  await lookAt(null);
  assert.deepEqual(await findWaiting(database), []);
});

test("whom somebody else has in hand is left to him", async () => {
  await lookAt(moment(1));
  await database.transaction(async (sql) => {
    assert.deepEqual(await takeDue(sql, moment(1), 10), due);
    assert.deepEqual(await take(moment(1)), nobody);
  });
});

test("a step of one that stays where it is touches none of its indexes", async () => {
  const indexesAreLeftAlone = async (change: string) => {
    await database.query("vacuum instance"); // So that there is room beside it.
    return database.transaction(async (sql) => {
      const count = async () => {
        const [row] = await sql.query<{ count: number }>(
          "select pg_stat_get_xact_tuples_hot_updated('instance'::regclass) as count",
        );
        return row?.count ?? 0;
      };
      const before = await count(); // Of this connection, since it last told the server.
      await sql.query(`update instance set ${change}`);
      return (await count()) > before;
    });
  };
  await database.query("update instance set state = 'running', home = $1", [host]);
  for (const [change, are] of [
    [`state = 'lost', op = '{"deadline": 1}', look_at = '2026-01-01', version = version + 1`, true],
    ["state = 'running', op = null, look_at = null, cause = null", true],
    ["state = 'stopped', home = null", false],
    ["state = 'expunged'", false],
  ] as const)
    assert.equal(await indexesAreLeftAlone(change), are, change);
});
