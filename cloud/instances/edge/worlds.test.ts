/** What two managers see of an instance that both have in hand at the same moment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Instant } from "@holdfast/kernel/time";
import { patience } from "../core/testing.ts";
import { idOf, oneInstance } from "./fixture-instance.ts";
import { loadWorlds } from "./worlds.ts";

const now = Date.UTC(2026, 10, 21) as Instant;
const made = await oneInstance();

const isSomebodyWaiting = async () =>
  (await made.database.query("select 1 from pg_locks where not granted")).length > 0;

test("whoever waited for an instance sees the process that was started meanwhile", async () => {
  const { database, host, id } = made;
  const load = () => database.transaction((sql) => loadWorlds(sql, [id], patience, now));
  const second = await database.transaction(async (sql) => {
    await loadWorlds(sql, [id], patience, now);
    const answer = load();
    const early = answer.then(() => true);
    const isWaiting = async () => (await isSomebodyWaiting()) || undefined;
    while (!(await Promise.race([early, isWaiting()]))) await turn();
    await sql.query(
      "update instance set state = 'running', generation = 2, home = $2, last_host = $2 where id = $1",
      [id, host],
    );
    await sql.query(
      `insert into incarnation (instance_id, generation, host_id, host_epoch, phase, asked_at)
       values ($1, 2, $2, 1, 'asked', now())`,
      [id, host],
    );
    return { answer }; // Not awaited before this is committed.
  });
  const [seen] = await second.answer;
  assert.deepEqual(
    [seen?.world.instance.generation, seen?.world.incarnation?.phase, seen?.world.lease],
    [2, "asked", "valid"],
  );
});

test("a proof that covers only shared disks is none for a guest on the disks of its host", async () => {
  const { database, host, id } = made;
  await database.query(
    `insert into fence_certificate (id, host_id, epoch, proof, covers, evidence, silent_since, proven_at, manager, signature)
     values ($1, $2, 1, 'watchdog', 'shared', '{}', now(), now(), 'm', 's')`,
    [idOf(9), host],
  );
  const leaseOn = async (pool: string) => {
    await database.query("update volume set pool = $1", [pool]);
    const [seen] = await database.transaction((sql) => loadWorlds(sql, [id], patience, now));
    return seen?.world.lease;
  };
  assert.equal(await leaseOn("shared"), "fenced");
  assert.equal(await leaseOn("local"), "valid");
});
