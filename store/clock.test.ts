/** The platform's clock against a database whose time is made up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseClock } from "./clock.ts";

function made() {
  const time = { database: 1_000_000, ticks: 50 };
  const query = async () => [{ at: time.database }] as never; // The one row that is asked for.
  return { time, clock: databaseClock({ query }, () => time.ticks) };
}

test("it says what PostgreSQL says, and counts on by itself in between", async () => {
  const { time, clock } = made();
  assert.equal((await clock).now(), 1_000_000);
  time.ticks += 700;
  assert.equal((await clock).now(), 1_000_700);
});

test("a drift is followed in silence, a jump is told", async () => {
  const { time, clock } = made();
  await clock;
  time.ticks += 5_000;
  time.database += 5_010;
  assert.equal(await (await clock).sync(), false);
  assert.equal((await clock).now(), 1_005_010);
  time.database -= 3_600_000;
  assert.equal(await (await clock).sync(), true);
  assert.equal((await clock).now(), 1_005_010 - 3_600_000);
  assert.equal(await (await clock).sync(), false);
});
