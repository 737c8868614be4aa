/** A choice out of memory, against the rows that have moved on meanwhile. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Transaction } from "@holdfast/store/database";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import { explainBriefly, explainIn, Picture, type PlacementRequest } from "../index.ts";
import { picturePlacer } from "./picture-placer.ts";
import { type Asking, type Choice, isContended, type PlacementSession } from "./placer.ts";

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
     values ($1, 'host-1', 'default', 'up', 'enabled', 8, 1026)`,
    [host],
  );
});
after(async () => {
  await made.drop();
  await stopTestServer();
});

async function place(
  more: Partial<PlacementRequest> = {},
  asking: Asking = "before",
): Promise<Choice | undefined> {
  let session: PlacementSession | undefined;
  try {
    const choice = await made.database.transaction(async (sql) => {
      session = placer.session(sql, asking);
      const choices = await session.place([{ instance, request: { ...request, ...more } }]);
      return choices.get(instance);
    });
    session?.committed();
    return choice;
  } catch (error) {
    session?.abandoned();
    throw error;
  }
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

test("a host that somebody else has closed is refused by its row, whatever memory says", async () => {
  await made.database.query("update host set mode = 'draining'");
  assert.equal(await place(), "contended");
  await made.database.query("update host set mode = 'enabled'");
});

test("and who asks with all that is written is undone, and may ask again", async () => {
  const before = (await reservedMiB()) ?? 0;
  assert.deepEqual(await place({}, "meanwhile"), { host, epoch: 2 });
  assert.equal(await reservedMiB(), before + 128);
  await made.database.query("update host set mode = 'draining'");
  await assert.rejects(place({}, "meanwhile"), isContended);
  assert.equal(await reservedMiB(), before + 128);
  const refused = await place();
  assert.ok(typeof refused === "object" && "refused" in refused, "it was read again");
  await made.database.query("update host set mode = 'enabled'");
  assert.deepEqual(await place({}, "meanwhile"), { host, epoch: 2 });
  await made.database.query(
    "update host set reserved_cpus = reserved_cpus - 2, reserved_memory_mib = reserved_memory_mib - 256",
  );
  placer.distrust([host]);
});

test("all that is placed together takes its room, and so does what comes after", async () => {
  const cpus = async () =>
    (await made.database.query<{ cpus: number }>("select reserved_cpus as cpus from host"))[0]
      ?.cpus;
  const before = (await cpus()) ?? 0;
  await place({ memoryMiB: 1 });
  await place({ memoryMiB: 1 });
  assert.equal(await cpus(), before + 2);
});

test("who comes after a refresh reads no host, also where something was given back before", async () => {
  const asked: string[] = [];
  const counting = () =>
    made.database.transaction(async ({ query, last }) => {
      const sql: Transaction = {
        query(text, values) {
          asked.push(text);
          return query(text, values);
        },
        last,
      };
      const session = placer.session(sql, "before");
      const choices = await session.place([{ instance, request: { ...request, memoryMiB: 1 } }]);
      await session.release([{ host, cpus: -1, memoryMiB: -1, group: undefined }]);
      session.committed();
      return choices;
    });
  const readings = () => asked.splice(0).filter((text) => text.startsWith("select")).length;
  await counting();
  readings();
  await counting();
  assert.equal(readings(), 1);
  await placer.refresh(made.database);
  await counting();
  assert.equal(readings(), 0);
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

test("a thousand refusals of one kind are one explanation, and of many kinds only some are explained", async () => {
  const wants = Array.from({ length: 1_000 }, (_, i) => ({
    instance: `0190f5a0-0000-7000-8000-${String(i).padStart(12, "0")}` as InstanceId,
    request: {
      ...request,
      tags: [i < 990 ? "gpu" : `gpu-${i}`],
      antiAffinityGroup: `group-${i}`,
    },
  }));
  const choices = await made.database.transaction(async (sql) => {
    const session = placer.session(sql, "before");
    const answer = await session.place(wants);
    session.committed();
    return [...answer.values()];
  });
  const told = choices.flatMap((one) =>
    typeof one === "object" && "refused" in one ? one.refused : [],
  );
  assert.equal(told.length, 1_000);
  assert.equal(new Set(told.slice(0, 990)).size, 1);
  const explained = new Set(told.filter(({ details }) => details.facts));
  assert.equal(explained.size, 4);
  const rehearsed = await placer.rehearse(made.database, host, wants.slice(0, 990));
  const reasons = [...rehearsed.values()].map((one) => "refused" in one && one.refused);
  assert.deepEqual([reasons.length, new Set(reasons).size], [990, 1]);
});

test("a brief explanation says of how many hosts it speaks, and what would help, as the long one does", () => {
  const picture = new Picture();
  for (let i = 0; i < 100; i++)
    picture.upsert({
      ...{ id: `h${i}` as HostId, name: `h${i}`, zone: "a", pod: "p", cluster: "c", tags: [] },
      ...{ cpus: 4, memoryMiB: 1024, reservedCpus: i % 5, reservedMemoryMiB: 1024 },
      ...{ state: "up" as const, mode: "enabled" as const, concerns: [] },
    });
  const how = { planner: "spread", factors: { cpu: 1, memory: 1 } } as const;
  const { hosts: few, ...brief } = explainBriefly(picture, request, how);
  const { hosts: all, ...long } = explainIn(picture, request, how);
  assert.deepEqual(brief, long);
  assert.deepEqual([few.length, all.length, brief.asked], [32, 100, 100]);
  assert.deepEqual(few, all.slice(0, 32));
});
