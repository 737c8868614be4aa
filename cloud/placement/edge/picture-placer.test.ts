/** A choice out of memory, against the rows that have moved on meanwhile. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import type { PlacementRequest } from "../index.ts";
import { picturePlacer } from "./picture-placer.ts";
import type { Choice } from "./placer.ts";

const host = "0190f5a0-0000-7000-8000-000000000001" as HostId;
const instance = "0190f5a0-0000-7000-8000-000000000002" as InstanceId;
const request: PlacementRequest = { cpus: 1, memoryMiB: 128, tags: [], avoidHosts: [] };
const placer = picturePlacer(() => ({ planner: "spread", factors: { cpu: 1, memory: 1 } }));
let made: Awaited<ReturnType<typeof testDatabase>>;

before(async () => {
  made = await testDatabase();
  await ensureDefaultPlace(made.database);
  await made.database.query(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib)
     values ($1, 'host-1', 'default', 'up', 'enabled', 8, 1024)`,
    [host],
  );
});
after(async () => {
  await made.drop();
  await stopTestServer();
});

async function place(more: Partial<PlacementRequest> = {}): Promise<Choice | undefined> {
  return made.database.transaction(async (sql) => {
    const session = placer.session(sql);
    const choices = await session.place([{ instance, request: { ...request, ...more } }]);
    session.committed();
    return choices.get(instance);
  });
}

async function reservedMiB(): Promise<number | undefined> {
  const [row] = await made.database.query<{ reserved: number }>(
    "select reserved_memory_mib as reserved from host",
  );
  return row?.reserved;
}

test("a host that was fenced and taken back unseen is not placed on under the epoch that has ended", async () => {
  assert.deepEqual(await place(), { host, epoch: 1 });
  await made.database.query("update host set epoch = 2");
  assert.equal(await place(), "contended");
  assert.equal(await reservedMiB(), 128);
  assert.deepEqual(await place(), { host, epoch: 2 });
});

test("nobody is refused for what is no longer so, although nobody has told of the change", async () => {
  const refused = await place({ tags: ["ssd"] });
  assert.ok(typeof refused === "object" && "refused" in refused);
  await made.database.query("update host set tags = '{ssd}'");
  assert.deepEqual(await place({ tags: ["ssd"] }), { host, epoch: 2 });
  await made.database.query("update host set state = 'suspect'");
  assert.equal(await place(), "contended"); // The other way round it is the row that says no.
  await made.database.query("update host set state = 'up'");
  assert.deepEqual(await place(), { host, epoch: 2 });
});

test("a rehearsal leaves nothing behind, and a choice is not forgotten over it", async () => {
  const before = await reservedMiB();
  await place({ memoryMiB: 512 });
  const found = await placer.rehearse(made.database, host, [{ instance, request }]);
  const rehearsed = found.get(instance);
  assert.ok(rehearsed && "refused" in rehearsed, "the only host is the one that is down");
  assert.equal(await reservedMiB(), (before ?? 0) + 512);
  const refused = await place({ memoryMiB: 512 });
  assert.ok(typeof refused === "object" && "refused" in refused, "it is full, and memory knows");
});
