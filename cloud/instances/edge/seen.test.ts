/**
 * What is written without a world is what a pass would have written with it, and only where nothing else is going on.
 *
 * Who is spoken of twice goes the long way, so the same words said twice are the measure of the short one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineReport } from "@holdfast/cloud/hosts";
import { lookAtGuests } from "@holdfast/cloud/hosts/edge";
import type { JobId } from "@holdfast/kernel/ids";
import { type Instant, iso, after as later, seconds } from "@holdfast/kernel/time";
import { readJournal } from "@holdfast/store/journal";
import { patience } from "../core/testing.ts";
import { idOf, isWaitedFor, oneInstance } from "./fixture-instance.ts";
import { type Done, type PassDeps, pass } from "./pass.ts";
import type { HostReport } from "./work.ts";

const made = await oneInstance();

/** Nobody's deadline is over before, by the clock of the database. */
const now = Date.UTC(2100, 0, 1, 12) as Instant;
const deadline = later(now, seconds(40));
const job = idOf(20) as JobId;

/** It was asked to start a moment ago, by somebody who waits for it or by nobody. */
async function starting(kind?: string): Promise<void> {
  const { database, id, host } = made;
  const op = { kind: "start", step: "waiting", since: now, deadline, attempt: 0 };
  await database.query("delete from errand");
  await database.query("update host set state = 'up', epoch = 3 where id = $1", [host]);
  await database.query("update volume set state = 'ready', host_id = $1", [host]);
  if (kind)
    await database.query(
      `insert into job (id, project_id, kind, state, targets, total, actor, request_id, created_at)
       values ($1, $2, $3, 'running', array[$4::uuid], 1, 'kim', 'req-1', now())
       on conflict (id) do update set kind = $3, state = 'running', succeeded = 0, failed = 0, finished_at = null`,
      [job, idOf(1), kind, id],
    );
  await database.query(
    `update instance set state = 'starting', desired = 'running', generation = 2, last_generation = 2, home = $2, last_host = $2,
       op = $3, look_at = $4, version = 5, job_id = $5, job_kind = $6, avoid_hosts = array[$7::uuid],
       cause = '{"class":"host-failure","says":"It was.","at":1}', request_id = 'req-1' where id = $1`,
    [id, host, op, iso(deadline), kind ? job : null, kind ?? null, made.other],
  );
  await database.query(
    `insert into incarnation (instance_id, generation, host_id, host_epoch, phase, asked_at) values ($1, 2, $2, 3, 'asked', now())
     on conflict (instance_id, generation) do update set phase = 'asked', host_epoch = 3, guest = 'booting', running_at = null,
       up_at = null, begun = null`,
    [id, host],
  );
}

const alive = (more: Partial<MachineReport> = {}): HostReport => ({
  ...{ host: made.host, epoch: 3 },
  report: {
    ...{
      instance: made.id,
      generation: 2,
      phase: "running",
      guest: "booting",
      reboots: 0,
      at: now,
    },
    begun: { how: "cold", took: 12 },
    ...more,
  },
});

function hear(...reports: readonly HostReport[]): Promise<Done> {
  const deps: Partial<PassDeps> = {
    ...{ database: made.database, now: () => now, self: "m", patience: () => patience },
    images: { manifests: async () => new Map() },
    placer: {
      session: () => ({
        place: async () => new Map(),
        release: async () => {},
        committed() {},
        abandoned() {},
      }),
    },
  };
  const work = { births: [], orders: [], reports, volumes: [], looks: [], due: 0 };
  return pass(deps as PassDeps, work); // All that such a pass asks for.
}

/** All that is written of it, without what was there before. */
async function written(since: number) {
  const { database, id } = made;
  const [instance] = await database.query("select * from instance where id = $1", [id]);
  const incarnations = await database.query(
    "select generation, phase, guest, reboots, running_at, up_at, exited_at, begun from incarnation",
  );
  const jobs = await database.query("select state, succeeded, failed, finished_at from job");
  const journal = (await readJournal(database, id, since)).map(({ seq: _, ...row }) => row);
  return { instance, incarnations, jobs, journal };
}

const lastRow = async () => (await readJournal(made.database, made.id)).at(-1)?.seq ?? 0;

const words: Record<string, Partial<MachineReport>> = {
  "its guest boots": {},
  "its guest is up already": { guest: "up" },
  "nobody says how it began": { begun: undefined },
};
for (const [title, word] of Object.entries(words))
  for (const kind of [undefined, "run", "start", "relaunch"])
    test(`it runs as it was asked to, ${kind ?? "by nobody"}, and ${title}: the same is written either way`, async () => {
      await starting(kind);
      const beforeLong = await lastRow();
      const long = await hear(alive(word), alive(word));
      const measure = await written(beforeLong);
      await starting(kind);
      const beforeShort = await lastRow();
      const short = await hear(alive(word));
      assert.deepEqual(await written(beforeShort), measure);
      assert.deepEqual(measure.journal.at(-1)?.event, "bootConfirmed");
      assert.deepEqual(short.jobs, long.jobs);
      assert.deepEqual([...short.orders], []);
      assert.deepEqual(
        [...short.seen],
        [[made.host, [{ instance: made.id, generation: 2, version: 6 }]]],
      );
      const whole = long.orders.get(made.host)?.wishes[0];
      assert.deepEqual([whole?.version, whole?.generation, whole?.wasRunning], [6, 2, true]);
    });

const doubts: Record<string, string> = {
  "its host is not heard": "update host set state = 'suspect'",
  "its host has begun anew": "update host set epoch = 4",
  "somebody wants it looked at": "update instance set look_at = look_at - interval '1 s'",
  "it should stop": "update instance set desired = 'stopped'",
  "somebody waits for something else": `update instance set job_id = '${idOf(21)}', job_kind = 'stop'`,
  "its volume is not known to be there": "update volume set state = 'creating'",
  "planned work wants something of it":
    "insert into errand (instance_id, generation, does) select id, 2, 'leave' from instance",
  "it was not asked to start": "update incarnation set phase = 'running'",
  "it was asked in another epoch": "update incarnation set host_epoch = 2",
};
for (const [title, doubt] of Object.entries(doubts))
  test(`where ${title} its report is judged like any other`, async () => {
    await starting();
    await made.database.query(doubt);
    assert.deepEqual([...(await hear(alive())).seen], []);
  });

test("a host that is fenced while its report waits, with a look that was due already, is not believed", async () => {
  const { database, host, id } = made;
  await starting();
  await database.query(
    `update instance set look_at = to_timestamp(1), op = jsonb_set(op, '{deadline}', '1000') where id = $1`,
    [id],
  );
  let heard: Promise<Done> | undefined;
  await database.transaction(async (sql) => {
    await lookAtGuests(sql, [host]);
    heard = hear(alive());
    await isWaitedFor(database);
    await sql.query("update host set state = 'down' where id = $1", [host]);
  });
  assert.deepEqual([...((await heard)?.seen ?? [])], []);
  const [row] = await database.query<{ state: string }>(
    "select state from instance where id = $1",
    [id],
  );
  assert.notEqual(row?.state, "running");
});

test("the guest of a machine that runs is up: nothing but that is written", async () => {
  await starting();
  await hear(alive());
  const from = await lastRow();
  const { seen, orders } = await hear(alive({ guest: "up" }));
  const { incarnations, instance, journal } = await written(from);
  assert.deepEqual([seen.size, orders.size, journal], [0, 0, []]);
  assert.deepEqual(
    incarnations.map((one) => (one as { guest: string }).guest),
    ["up"],
  ); // As selected.
  assert.equal((instance as { version: number }).version, 6); // The same.
});
