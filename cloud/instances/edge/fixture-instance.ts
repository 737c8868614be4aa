/** A database in which there is one instance, stopped in its first generation, and two hosts. Only for tests. */
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { forAllTests, testDatabase } from "@holdfast/store/testing";

interface OneInstance {
  readonly database: Database;
  readonly id: InstanceId;
  readonly host: HostId;
  readonly other: HostId;
  drop(): Promise<void>;
}

export const idOf = (n: number) => `0197a000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
const [project, host, image, volume, id, other] = [1, 2, 3, 4, 5, 6].map(idOf);

/** The same for all tests of a file; call it at its top. */
export const oneInstance = () => forAllTests(makeInstance, (made) => made.drop());

/** Resolves when somebody waits for what somebody else has in hand. */
export async function isWaitedFor(database: Database): Promise<void> {
  while ((await database.query("select from pg_locks where not granted")).length === 0);
}

async function makeInstance(): Promise<OneInstance> {
  const { url, drop } = await testDatabase();
  const database = connectDatabase({ url, role: "holdfast_manager" });
  await ensureDefaultPlace(database);
  await database.query("insert into project (id, name) values ($1, 'default')", [project]);
  await database.query(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib)
     values ($1, 'host-1', 'default', 'up', 'enabled', 8, 8192), ($2, 'host-2', 'default', 'up', 'enabled', 8, 8192)`,
    [host, other],
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
  return {
    ...{ database, id: id as InstanceId, host: host as HostId, other: other as HostId }, // As made above.
    async drop() {
      await database.close();
      await drop();
    },
  };
}
