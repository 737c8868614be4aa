/** What becomes of the moments at which guests are to be looked at, when something happens to their host. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { lookAtGuests } from "@holdfast/cloud/hosts/edge";
import { oneInstance } from "./fixture-instance.ts";

const made = await oneInstance();
beforeEach(() =>
  made.database.query(
    "update instance set state = 'running', home = $1, last_host = $1, look_at = null",
    [made.host],
  ),
);

const happen = () => made.database.transaction((sql) => lookAtGuests(sql, [made.host]));
const lookAt = async () => {
  const [row] = await made.database.query<{ at: number | null; isDue: boolean }>(
    `select look_at as at, coalesce(look_at <= now(), false) as "isDue" from instance`,
  );
  return row;
};

test("who was to be looked at later, or never, is due now", async () => {
  await happen();
  assert.equal((await lookAt())?.isDue, true);
  await made.database.query("update instance set look_at = now() + interval '1 hour'");
  await happen();
  assert.equal((await lookAt())?.isDue, true);
});

test("who is due already keeps its place before those that have become so since", async () => {
  await made.database.query("update instance set look_at = '2026-01-01T00:00:00Z'");
  await happen();
  assert.equal((await lookAt())?.at, Date.UTC(2026, 0, 1));
});

test("who was due and in somebody's hands meanwhile is looked at again", async () => {
  const { database, id } = made;
  await database.query("update instance set look_at = '2026-01-01T00:00:00Z'");
  const happened = await database.transaction(async (sql) => {
    await sql.query("select from instance where id = $1 for update", [id]);
    const waits = happen();
    while ((await database.query("select 1 from pg_locks where not granted")).length === 0)
      await turn();
    await sql.query("update instance set look_at = null where id = $1", [id]); // It has seen the host as it was.
    return { waits };
  });
  await happened.waits;
  assert.equal((await lookAt())?.isDue, true);
});
