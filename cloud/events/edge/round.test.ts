/** Rounds on a real database, with a fleet of rows: what is ordered, how often, and what follows from refusals. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { countedIds } from "@holdfast/kernel/testing";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import type { Movers } from "./movers.ts";
import { eventWatch } from "./watch.ts";
import { changeWork, insertWork, plannedFrom } from "./work-rows.ts";
import { findWork, rehearsals } from "./worksites.ts";

let database: Database;
let drop: () => Promise<void>;
const mintId = countedIds();
const project = mintId<"Project">() as ProjectId;
const [old, other] = [mintId<"Host">(), mintId<"Host">()] as [HostId, HostId];
let now = Date.UTC(2026, 10, 21) as Instant;
let ordered: string[] = [];
let web: InstanceId;

before(async () => {
  const made = await testDatabase();
  drop = made.drop;
  database = connectDatabase({ url: made.url, role: "holdfast_manager" });
  await ensureDefaultPlace(database);
  await database.query("insert into project (id, name) values ($1, 'default')", [project]);
  for (const [id, name] of [
    [old, "old"],
    [other, "other"],
  ])
    await database.query(
      `insert into host (id, name, cluster, state, mode, cpus, memory_mib, pools)
       values ($1, $2, 'default', 'up', 'enabled', 8, 8192, '{shared}')`,
      [id, name],
    );
});
after(async () => {
  await database?.close();
  await drop?.();
  await stopTestServer();
});
beforeEach(async () => {
  ordered = [];
  await database.query("update maintenance set state = 'ended'");
  await database.query("update scheduled_event set state = 'canceled'");
  await database.query("update host set mode = 'enabled'");
  await database.query("update instance set state = 'expunged', desired = 'expunged', home = null");
  web = await insertInstance("web", old);
});

async function insertInstance(name: string, home: HostId): Promise<InstanceId> {
  const [image, volume, id] = [mintId<"Image">(), mintId<"Volume">(), mintId<"Instance">()];
  await database.query(
    "insert into image (id, name, state, source) values ($1, $2, 'ready', 'x')",
    [...[image, `of-${image}`]],
  );
  await database.query(
    `insert into volume (id, project_id, image_id, state, size_bytes, pool, host_id, created_at)
     values ($1, $2, $3, 'ready', 1, 'shared', $4, now())`,
    [volume, project, image, home],
  );
  await database.query(
    `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at,
       desired, state, request_id, home, last_host, generation)
     values ($1, $2, $3, 'tiny', 1, 128, $4, $5, now(), 'running', 'running', 'req-0', $6, $6, 1)`,
    [id, project, name, image, volume, home],
  );
  await database.query(
    `insert into incarnation (instance_id, generation, host_id, host_epoch, phase, guest, asked_at)
     values ($1, 1, $2, 1, 'running', 'up', now())`,
    [id, home],
  );
  return id as InstanceId;
}

const able = (migrate: Movers["migrate"]): Movers => ({
  obstacles: async () => new Map(),
  ephemeral: async () => new Set(),
  migrate,
});
const accepts = able(async (_, { to }) => void ordered.push(to ?? "anywhere"));
const refuses = able(async () => {
  ordered.push("refused");
  throw problem("conflict", "no_destination", "The other host has no CPU of that kind.");
});

async function plan(notice = 0, deadline?: number): Promise<void> {
  const asked = { work: "empty" as const, noticeSeconds: notice, deadline };
  const id = mintId<"Maintenance">();
  const row = { id, host: old, reason: "new memory", by: "tester" };
  await insertWork(database, row, plannedFrom(asked, 0, now), now);
}

/** As one manager has it, from one look to the next. */
async function look(movers: Movers, managers = 1): Promise<void> {
  const all = Array.from({ length: managers }, (_, index) =>
    eventWatch({
      ...{ database, mintId, movers, self: `manager-${index}`, now: () => now },
      placer: rehearsals(() => ({ planner: "spread", factors: { cpu: 4, memory: 1 } })),
      onChanged: () => {},
      onError: (error) => assert.fail(`${error}`),
    }),
  );
  for (const one of all) one.changed();
  await new Promise((resolve) => setImmediate(resolve));
  for (const one of all) await one.close();
}
const wait = (seconds: number) => {
  now = (now + seconds * 1_000) as Instant; // An instant and a while.
};
const state = async () => {
  const [row] = await database.query<{ state: string; mode: string }>(
    "select m.state, h.mode from maintenance m join host h on h.id = m.host_id where m.state <> 'ended'",
  );
  return `${row?.state}, ${row?.mode}`;
};
const told = async () =>
  (
    await database.query<{ event: string }>(
      `select concat_ws(' ', code, state) as event from scheduled_event where instance_id = $1 order by created_at, id`,
      [web],
    )
  ).map(({ event }) => event);

test("what can be moved is moved, ordered once, and the host is empty when it has gone", async () => {
  await plan();
  for (let i = 0; i < 4; i++) await look(accepts, 2);
  assert.equal(await state(), "emptying, draining");
  assert.deepEqual([ordered, await told()], [["other"], []]);
  await database.query("update instance set home = $2 where id = $1", [web, other]);
  await look(accepts);
  assert.equal(await state(), "emptying, maintenance");
  await look(accepts);
  assert.equal(await state(), "in-maintenance, maintenance");
  assert.deepEqual(ordered, ["other"]);
});

test("an order that came to nothing is given again, and after the third the instance is stopped with notice", async () => {
  await plan(120);
  for (let i = 0; i < 3; i++) {
    await look(refuses);
    await look(refuses);
    await look(refuses);
    assert.equal(ordered.length, i + 1);
    wait(61);
  }
  await look(refuses);
  assert.deepEqual([ordered.length, await told()], [3, ["instance-stop active"]]);
  const [event] = await database.query<{ not_before: Instant }>(
    "select not_before from scheduled_event where instance_id = $1",
    [web],
  );
  assert.equal(event?.not_before, now + 120_000);
  wait(121);
  await look(refuses);
  const errands = await database.query("select does, generation from errand");
  assert.deepEqual(errands, [{ does: "leave", generation: 1 }]);
});

const busy = able(async () => {
  ordered.push("busy");
  throw problem("conflict", "instance_busy", "A backup of web.root is under way.");
});

test("one whose disk is being copied is waited for, however often it is busy, and then moved", async () => {
  await plan(120);
  for (let i = 0; i < 8; i++) {
    for (let looks = 0; looks < 3; looks++) await look(busy);
    assert.equal(ordered.length, i + 1);
    wait(61);
  }
  assert.deepEqual(await told(), []);
  await look(accepts);
  assert.equal(ordered.at(-1), "other");
});

test("one that is still busy when the deadline is near is stopped before it, with the whole of its notice", async () => {
  const deadline = now + 600_000;
  await plan(120, deadline);
  await look(busy);
  while (now < deadline - 180_000) {
    await look(busy);
    assert.deepEqual(await told(), []);
    wait(61);
  }
  await look(busy);
  assert.deepEqual(await told(), ["instance-stop active"]);
  const [event] = await database.query<{ not_before: Instant }>(
    "select not_before from scheduled_event where instance_id = $1",
    [web],
  );
  assert.equal(event?.not_before, now + 120_000);
  assert.ok(now + 120_000 <= deadline);
});

test("what is told is taken back when it can be moved after all", async () => {
  await plan(600);
  const cannot = {
    ...accepts,
    obstacles: async () => new Map([[web, "its disk is being copied"]]),
  };
  await look(cannot);
  await look(cannot);
  assert.deepEqual(await told(), ["instance-stop active"]);
  await look(accepts);
  assert.deepEqual(await told(), ["instance-stop canceled"]);
  const rows = await database.query<{ is: string }>(
    `select concat_ws(' ', event, detail ->> 'code') as is from journal
     where subject = $1 and detail ->> 'event' is not null order by seq`,
    [web],
  );
  assert.deepEqual(
    rows.map((row) => row.is),
    ["eventScheduled instance-stop", "eventCanceled instance-stop"],
  );
  await look(accepts);
  assert.deepEqual(ordered, ["other"]);
});

test("managers that look at the same moment schedule and begin each thing once", async () => {
  await plan();
  const cannot = {
    ...accepts,
    obstacles: async () => new Map([[web, "it has a card of its host"]]),
  };
  for (let i = 0; i < 4; i++) await look(cannot, 4);
  assert.deepEqual(await told(), ["instance-stop active"]);
  const rows = await database.query<{ event: string }>(
    "select event from journal where subject = $1 order by seq",
    [web],
  );
  assert.deepEqual(
    rows.map(({ event }) => event),
    ["eventScheduled", "eventBegun"],
  );
});

test("a host that somebody enables by hand is given back", async () => {
  await plan(600);
  for (let i = 0; i < 3; i++) await look(accepts);
  await database.query("update host set mode = 'enabled'");
  await look(accepts);
  const left = await database.query("select from maintenance where state <> 'ended'");
  assert.deepEqual([left, await told()], [[], []]);
});

test("however many hosts are worked on, each of them gets on", async () => {
  const many = Array.from({ length: 250 }, (_, index) => ({
    ...{ id: mintId<"Maintenance">(), host: mintId<"Host">(), name: `rack-${index}` },
  }));
  await database.query(
    `insert into host (id, name, cluster, state, mode, cpus, memory_mib, pools)
     select id, name, 'default', 'up', 'enabled', 8, 8192, '{shared}' from unnest($1::uuid[], $2::text[]) as h (id, name)`,
    [many.map(({ host }) => host), many.map(({ name }) => name)],
  );
  const planned = plannedFrom({ work: "empty", noticeSeconds: 0 }, 0, now);
  for (const { id, host } of many)
    await insertWork(database, { id, host, reason: "a new switch", by: "tester" }, planned, now);
  for (let i = 0; i < 4; i++) await look(accepts);
  const left = await database.query(
    "select h.name from maintenance m join host h on h.id = m.host_id where m.state not in ('in-maintenance', 'ended')",
  );
  assert.deepEqual(left, []);
});

test("work under way that is asked for again hurries nobody, unless with a nearer deadline", async () => {
  await plan(600);
  const cannot = {
    ...accepts,
    obstacles: async () => new Map([[web, "it has a card of its host"]]),
  };
  for (let i = 0; i < 2; i++) await look(cannot);
  const due = async () => {
    const [row] = await database.query<{ at: Instant; deadline: Instant | null }>(
      "select not_before as at, deadline from scheduled_event where state = 'active'",
    );
    return row;
  };
  const told = await due();
  assert.ok(told && told.at === now + 600_000);
  const again = async (deadline?: Instant) => {
    const known = (await findWork(database, old)) ?? assert.fail();
    const planned = plannedFrom({ work: "empty", deadline }, 0, now, known);
    return changeWork(database, known, "two fans", planned, false, now);
  };
  assert.deepEqual([await again(), await due()], [[], told]);
  const sooner = (now + 300_000) as Instant; // The same, earlier.
  assert.equal((await again(sooner)).length, 1);
  assert.deepEqual(await due(), { at: sooner, deadline: sooner });
  assert.deepEqual(await again(), [], "it keeps its deadline");
  assert.equal((await findWork(database, old))?.deadline, sooner);
});
