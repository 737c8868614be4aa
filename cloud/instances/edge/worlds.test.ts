/** What two managers see of an instance that both have in hand at the same moment. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import { patience } from "../core/testing.ts";
import { loadWorlds, type Which } from "./worlds.ts";

const now = Date.UTC(2026, 10, 21) as Instant;
const idOf = (n: number) => `0197a000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const [project, host, image, volume, id] = [1, 2, 3, 4, 5].map(idOf);
let database: Database;
let drop: () => Promise<void>;

before(async () => {
  const made = await testDatabase();
  drop = made.drop;
  database = connectDatabase({ url: made.url, role: "holdfast_manager" });
  await ensureDefaultPlace(database);
  await database.query("insert into project (id, name) values ($1, 'default')", [project]);
  await database.query(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib)
     values ($1, 'host-1', 'default', 'up', 'enabled', 8, 8192)`,
    [host],
  );
  await database.query(
    "insert into image (id, name, state, source) values ($1, 'tiny', 'ready', 'x')",
    [image],
  );
  await database.query(
    `insert into volume (id, project_id, image_id, state, size_bytes, pool, created_at)
     values ($1, $2, $3, 'ready', 1, 'shared', now())`,
    [volume, project, image],
  );
  await database.query(
    `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at,
       desired, state, request_id, generation, look_at)
     values ($1, $2, 'web', 'tiny', 1, 128, $3, $4, now(), 'running', 'stopped', 'req-0', 1, '2026-01-01')`,
    [id, project, image, volume],
  );
});
after(async () => {
  await database?.close();
  await drop?.();
  await stopTestServer();
});

const isSomebodyWaiting = async () =>
  (await database.query("select 1 from pg_locks where not granted")).length > 0;

test("whoever waited for an instance sees the process that was started meanwhile", async () => {
  const which: Which = { ids: [id as InstanceId] };
  const load = () => database.transaction((sql) => loadWorlds(sql, which, patience, now));
  const second = await database.transaction(async (sql) => {
    await loadWorlds(sql, which, patience, now);
    const answer = load();
    while (!(await isSomebodyWaiting())) await new Promise((resolve) => setImmediate(resolve));
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
