/** Volumes on a real database: what is asked of hosts, what their words mean, and that all of it comes back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { MachineReport, StorageTask } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { readJournal } from "@holdfast/store/journal";
import { stopTestServer } from "@holdfast/store/testing";
import { detachIdle, recordDisks, releaseDisks } from "./attachments.ts";
import { givenTasksOf } from "./moving.ts";
import { moveVolumes } from "./states.ts";
import { cancelActivities } from "./tasks.ts";
import { type Depot, openDepot } from "./testing.ts";
import { volumeTroubles } from "./troubles.ts";

const gib = 2 ** 30;
let depot: Awaited<ReturnType<typeof openDepot>>;
before(async () => {
  depot = await openDepot();
});
after(async () => {
  await depot.close();
  await stopTestServer();
});

/** Checks that nothing is left. Instances and their roots go with the test. */
async function alone(work: (depot: Depot) => Promise<void>): Promise<void> {
  const start = await depot.counts();
  await work(depot);
  await depot.database.transaction(async (sql) => {
    const rows = await sql.query<{ id: InstanceId }>(
      "update instance set state = 'expunged', home = null where state <> 'expunged' returning id",
    );
    await releaseDisks(
      sql,
      rows.map(({ id }) => id),
    );
    await sql.query(
      "update volume set state = 'expunged' where kind = 'root' and successor_id is null",
    );
  });
  for (const { id } of (await depot.ask("listBackups", {})).backups)
    await depot.ask("deleteBackup", { backup: id }).catch(() => {});
  await depot.settle();
  assert.deepEqual(await depot.counts(), start, "everything was given back once");
}

const one = ([task]: readonly StorageTask[]) => task;

/** What the host of an instance says of its data disks. */
async function disks(
  { database, now }: Depot,
  host: HostId,
  instance: InstanceId,
  volumes: MachineReport["disks"],
  disksOf?: number,
): Promise<void> {
  const [row] = await database.query<{ generation: number; version: number }>(
    "select generation, version from instance where id = $1",
    [instance],
  );
  await recordDisks(
    database,
    [
      {
        host,
        epoch: 1,
        machines: [
          {
            ...{ instance, generation: row?.generation ?? 0, phase: "running", guest: "up" },
            ...{ reboots: 0, at: now(), disks: volumes, disksOf: disksOf ?? row?.version },
          },
        ],
      },
    ],
    now(),
  );
}

test("a shared volume is made at once, by one host, and deleted by the same once", () =>
  alone(async ({ ask, round, tasks, says, hosts }) => {
    const made = await ask("createVolume", {}, { name: "data", sizeGiB: 1, pool: "fast" });
    assert.deepEqual([made.state, made.doing.map((each) => each.do)], ["creating", ["make"]]);
    await round();
    const task = one(await tasks(hosts.h1));
    assert.deepEqual(task, {
      ...{ id: task?.id, volume: made.id, pool: "fast", do: "make", bytes: gib },
    });
    assert.deepEqual(await tasks(hosts.h2), []);
    assert.deepEqual(await says(hosts.h2, task), [task?.id], "answered, and it means nothing");
    assert.equal((await ask("getVolume", { volume: "data" })).state, "creating");
    for (const _ of [1, 2]) assert.deepEqual(await says(hosts.h1, task), [task?.id]);
    assert.equal((await ask("getVolume", { volume: "data" })).state, "ready");
    assert.deepEqual(await tasks(hosts.h1), [], "nothing is left to do");
    assert.equal((await ask("deleteVolume", { volume: "data" })).state, "expunging");
    await round();
    await says(hosts.h1, one(await tasks(hosts.h1)));
  }));

test("a local volume is made where its instance comes to run, and only then wished", () =>
  alone(async ({ ask, round, tasks, says, hosts, instance, place, told }) => {
    const web = await instance("web");
    await ask("createVolume", {}, { name: "data", sizeGiB: 1 });
    assert.equal(
      (await ask("attachVolume", { volume: "data" }, { instance: "web" })).attachment,
      "stopped",
    );
    await round();
    assert.deepEqual([await tasks(hosts.h1), await tasks(hosts.h2)], [[], []]);
    assert.equal((await ask("getVolume", { volume: "data" })).state, "allocated");
    await place(web, hosts.h2);
    await round();
    const make = one(await tasks(hosts.h2));
    assert.equal(make?.do, "make");
    told();
    await says(hosts.h2, make);
    const { state, host, attachment } = await ask("getVolume", { volume: "data" });
    assert.deepEqual([state, host, attachment], ["ready", "h2", "waiting"]);
    await ask("detachVolume", { volume: "data" }, {});
    assert.deepEqual(told(), [hosts.h2]);
    await place(web, undefined);
    await round();
    assert.equal((await ask("getVolume", { volume: "data" })).instance, null, "nobody runs it");
    await ask("deleteVolume", { volume: "data" });
  }));

test("a disk is free only when its host says, of the wish that left it out, that it is gone", () =>
  alone(async (desk) => {
    const { ask, hosts, instance, settle, database, refusal } = desk;
    const web = await instance("web", { home: hosts.h1 });
    await instance("db", { home: hosts.h1 });
    const { id } = await ask("createVolume", {}, { name: "data", sizeGiB: 1 });
    const volume = id as VolumeId; // A view's id is plain text.
    await ask("attachVolume", { volume: "data" }, { instance: "web" });
    await settle();
    assert.equal((await ask("getVolume", { volume: "data" })).state, "ready", "it is made there");
    const seen = async () => (await ask("getVolume", { volume: "data" })).attachment;
    await disks(desk, hosts.h1, web, [{ volume, is: "attached", bytes: gib }]);
    assert.equal(await seen(), "attached");
    const [before] = await database.query<{ version: number }>(
      "select version from instance where id = $1",
      [web],
    );
    for (const _ of [1, 2]) await ask("detachVolume", { volume: "data" }, {});
    assert.equal(await seen(), "detaching");
    await disks(desk, hosts.h1, web, [], before?.version);
    assert.equal(await seen(), "detaching", "an older wish proves nothing");
    await disks(desk, hosts.h2, web, []);
    assert.equal(await seen(), "detaching", "nor does another host");
    assert.equal(
      (await refusal("attachVolume", { volume: "data" }, { instance: "db" })).code,
      "volume_in_use",
    );
    const problem = { kind: "conflict", code: "detach_refused", message: "it is mounted" };
    await disks(desk, hosts.h1, web, [{ volume, is: "detach-refused", bytes: gib, problem }]);
    assert.equal(await seen(), "detach-refused");
    const find = volumeTroubles(database, () => ({ nearlyFull: 0.15, reserve: 0.05 }));
    const [trouble] = await find({ project: undefined, now: desk.now() });
    assert.deepEqual([trouble?.code, trouble?.affects.names], ["detach-refused", ["web"]]);
    await disks(desk, hosts.h1, web, []);
    assert.equal(await seen(), null);
    await ask("attachVolume", { volume: "data" }, { instance: "db" });
    const events = (await readJournal(database, volume)).map(({ event }) => event);
    assert.deepEqual(events, [
      ...["created", "command-attach", "makeDone", "command-detach", "detached"],
      "command-attach",
    ]);
    await database.query("update attachment set delete_with_instance = true");
  }));

test("a disk that is to go stays with an instance that is started in the same moment", () =>
  alone(async ({ ask, hosts, instance, place, settle, round, database, now }) => {
    const web = await instance("web", { home: hosts.h1 });
    await ask("createVolume", {}, { name: "data", sizeGiB: 1 });
    await ask("attachVolume", { volume: "data" }, { instance: "web" });
    await settle();
    await ask("detachVolume", { volume: "data" }, {});
    await place(web, undefined);
    const { looked } = await database.transaction(async (sql) => {
      await sql.query("select from instance where id = $1 for update", [web]);
      const looked = database.transaction((other) => detachIdle(other, now()));
      while ((await sql.query("select from pg_locks where not granted")).length === 0) await turn();
      await sql.query("update instance set home = $2, state = 'running' where id = $1", [
        web,
        hosts.h1,
      ]);
      return { looked }; // Not awaited before this is committed.
    });
    assert.equal(await looked, false);
    assert.equal((await ask("getVolume", { volume: "data" })).attachment, "detaching");
    await place(web, undefined);
    await round();
    const { id } = await ask("deleteVolume", { volume: "data" });
    // While it moved, another host had a copy of it.
    const released = { volume: id as VolumeId, event: "released" } as const;
    assert.deepEqual(await moveVolumes(database, [{ ...released, by: hosts.h2 }]), []);
    assert.equal((await ask("getVolume", { volume: id })).state, "expunging");
  }));

test("a root volume that is slower than promised is a trouble for as long as its host says so", () =>
  alone(async (desk) => {
    const { ask, hosts, instance, database, now } = desk;
    const web = await instance("web", { home: hosts.h1 });
    const { id } = await ask("getVolume", { volume: "web" });
    const volume = id as VolumeId; // A view's id is plain text.
    const problem = { kind: "unavailable", code: "pool_too_slow", message: "It gave 10." };
    const find = volumeTroubles(database, () => ({ nearlyFull: 0, reserve: 0 }));
    const codes = async () =>
      (await find({ project: undefined, now: now() })).map(({ code, says }) => `${code} ${says}`);
    await disks(desk, hosts.h1, web, [{ volume, is: "attached", bytes: gib, problem }]);
    assert.deepEqual(await codes(), ["pool-too-slow It gave 10."]);
    await disks(desk, hosts.h1, web, [{ volume, is: "attached", bytes: gib }]);
    assert.deepEqual(await codes(), []);
  }));

test("what cannot be attached says why", () =>
  alone(async ({ ask, refusal, instance, hosts, settle, set, other, database }) => {
    await instance("web", { home: hosts.h1 });
    await instance("far", { home: hosts.h2 });
    const gone = await instance("gone", { disk: hosts.h1 });
    await database.query("update instance set state = 'destroyed' where id = $1", [gone]);
    for (const name of ["a", "b"]) await ask("createVolume", {}, { name, sizeGiB: 1 });
    await ask("createVolume", {}, { name: "c", sizeGiB: 1, pool: "fast" });
    await ask("attachVolume", { volume: "a" }, { instance: "web" });
    await settle();
    await database.query("delete from attachment");
    await database.query("update host set pools = '{}' where id = $1", [hosts.h2]);
    const refused = async (volume: string, to: string) =>
      (await refusal("attachVolume", { volume }, { instance: to })).code;
    assert.equal(await refused("a", "far"), "volume_elsewhere");
    assert.equal(await refused("c", "far"), "pool_out_of_reach");
    assert.equal(await refused("b", "gone"), "not_in_this_state");
    assert.equal(await refused("b", "nobody"), "instance_not_found");
    assert.equal(await refused("nothing", "web"), "volume_not_found");
    assert.equal(await refused("web.root", "far"), "volume_in_use");
    set.set("volumes.most_disks", 1);
    assert.equal(await refused("b", "web"), "too_many_disks");
    set.delete("volumes.most_disks");
    assert.equal((await refusal("detachVolume", { volume: "b" }, {})).code, "volume_not_attached");
    assert.equal(
      (await refusal("detachVolume", { volume: "web" }, {})).code,
      "volume_not_detachable",
    );
    const theirs = await refusal("getVolume", { volume: "a" }, undefined, other);
    assert.equal(theirs.code, "volume_not_found", "what others have is not there");
    set.set("volumes.most", 3);
    assert.equal(
      (await refusal("createVolume", {}, { name: "d", sizeGiB: 1 })).code,
      "too_many_volumes",
    );
    set.delete("volumes.most");
    assert.equal((await refusal("createVolume", {}, { name: "a", sizeGiB: 1 })).code, "name_taken");
    const strange = { name: "d", sizeGiB: 1, pool: "slow" };
    assert.equal((await refusal("createVolume", {}, strange)).code, "pool_not_found");
    await database.query("update host set pools = '{fast}'");
    // One host that has not said of which kind it is, or to which it is a directory, may make it.
    const locked = { name: "d", sizeGiB: 1, pool: "fast", encrypted: true };
    const served = JSON.stringify({ storage: [{ pool: "fast", kind: "nbd" }] });
    await database.query("update host set facts = $2 where id <> $1", [hosts.h1, served]);
    await ask("createVolume", {}, { ...locked, name: "e" });
    await database.query("update host set facts = $1", [served]);
    assert.equal((await refusal("createVolume", {}, locked)).code, "pool_cannot_encrypt");
    await ask("createVolume", {}, { ...locked, encrypted: false });
    await database.query("update host set facts = '{}'");
    for (const volume of ["d", "e"]) await ask("deleteVolume", { volume });
    for (const volume of ["a", "b", "c"]) await ask("deleteVolume", { volume });
  }));

test("who has waited for a volume that was attached meanwhile is told whose it is", () =>
  alone(async ({ ask, refusal, instance, hosts, database }) => {
    const web = await instance("web", { home: hosts.h1 });
    await instance("other", { home: hosts.h1 });
    const { id } = await ask("createVolume", {}, { name: "wanted", sizeGiB: 1 });
    let refused: ReturnType<typeof refusal> | undefined;
    await database.transaction(async (sql) => {
      await sql.query("select from volume where id = $1 for update", [id]);
      await sql.query(
        "insert into attachment (volume_id, instance_id, slot, attached_at) values ($1, $2, 1, now())",
        [id, web],
      );
      refused = refusal("attachVolume", { volume: "wanted" }, { instance: "other" });
      const mine = "select pid from pg_locks where pid = pg_backend_pid() limit 1";
      const [holder] = await sql.query<{ pid: number }>(mine);
      const waiting = "select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))";
      while ((await sql.query(waiting, [holder?.pid])).length === 0);
    });
    assert.equal((await refused)?.code, "volume_in_use");
    await database.query("delete from attachment");
    await ask("deleteVolume", { volume: "wanted" });
  }));

test("a pool with less left than the reserve takes nothing new, and is a trouble before that", () =>
  alone(async ({ refusal, hosts, database, now, instance }) => {
    await instance("web", { home: hosts.h1 });
    const room = (free: number) =>
      database.query(
        `insert into pool_room values ($1, 'local', 1000, $2, now()), ($1, 'fast', 1000, $2, now())
         on conflict (host_id, pool) do update set free_bytes = excluded.free_bytes`,
        [hosts.h1, free],
      );
    const find = volumeTroubles(database, () => ({ nearlyFull: 0.15, reserve: 0.05 }));
    const troubles = async () =>
      (await find({ project: undefined, now: now() })).map(
        ({ code, severity, subject }) => `${code} ${severity} ${subject.name}`,
      );
    await room(200);
    assert.deepEqual(await troubles(), []);
    await room(100);
    assert.deepEqual(await troubles(), [
      "pool-nearly-full risk pool fast",
      "pool-nearly-full risk h1",
    ]);
    await room(40);
    assert.deepEqual((await troubles()).length, 2);
    const codes = [
      await refusal("createVolume", {}, { name: "a", sizeGiB: 1, pool: "fast" }),
      await refusal("createSnapshot", {}, { volume: "web", name: "a" }),
      await refusal("resizeVolume", { volume: "web" }, { sizeGiB: 9 }),
    ].map(({ code }) => code);
    assert.deepEqual(codes, ["pool_full", "pool_full", "pool_full"]);
    await database.query("delete from pool_room");
  }));

test("tasks of one volume are done one after the other, and a restore keeps others out", () =>
  alone(async ({ ask, refusal, hosts, instance, round, tasks, says, database }) => {
    const web = await instance("web", { disk: hosts.h1 });
    for (const name of ["first", "second"])
      await ask("createSnapshot", {}, { volume: "web", name });
    assert.equal(
      (await refusal("resizeVolume", { volume: "web" }, { sizeGiB: 2 })).code,
      "volume_busy",
    );
    const early = await refusal("restoreSnapshot", { snapshot: "first" }, {});
    assert.match(
      early.message,
      /^A snapshot of web\.root is under way: tester asked for it at 2025/,
    );
    for (const name of ["first", "second"]) {
      await round();
      const [task, more] = await tasks(hosts.h1);
      assert.deepEqual([task?.do, more], ["snapshot", undefined]);
      await says(hosts.h1, task, { result: { guest: "off", virtualBytes: 2 * gib } });
      const { state, guest, sizeBytes } = await ask("getSnapshot", { snapshot: name });
      assert.deepEqual([state, guest, sizeBytes], ["ready", "off", 2 * gib]);
    }
    await ask("restoreSnapshot", { snapshot: "first" }, {});
    const during = [
      await refusal("createSnapshot", {}, { volume: "web", name: "third" }),
      await refusal("createBackup", {}, { volume: "web" }),
      await refusal("resizeVolume", { volume: "web" }, { sizeGiB: 2 }),
    ];
    for (const { code } of during) assert.equal(code, "volume_busy");
    const old = (await ask("getVolume", { volume: "web" })).id;
    await round();
    const restore = one(await tasks(hosts.h1));
    assert.ok(restore?.do === "restore");
    assert.equal(restore.from, old);
    await says(hosts.h1, restore);
    await says(hosts.h1, restore);
    const fresh = await ask("getVolume", { volume: "web.root" });
    assert.deepEqual([fresh.id, fresh.snapshots, fresh.state], [restore.volume, 2, "ready"]);
    const [row] = await database.query("select volume_id from instance where id = $1", [web]);
    assert.deepEqual(row, { volume_id: fresh.id });
    const lies = (name: string) =>
      database.query("select lies_in from snapshot where name = $1", [name]);
    assert.deepEqual(await lies("second"), [{ lies_in: old }]);
    for (const name of ["first", "second"]) await ask("deleteSnapshot", { snapshot: name });
    for (const expected of ["remove-snapshot", "remove-snapshot", "remove"]) {
      await round();
      const task = one(await tasks(hosts.h1));
      assert.deepEqual([task?.do, task?.volume], [expected, old]);
      await says(hosts.h1, task);
    }
  }));

test("a restore that fails leaves all as it was, and says why", () =>
  alone(async ({ ask, hosts, instance, settle, refusal, place }) => {
    const web = await instance("web", { disk: hosts.h1 });
    await ask("createSnapshot", {}, { volume: "web", name: "before" });
    await settle();
    await place(web, hosts.h1);
    const stopped = await refusal("restoreSnapshot", { snapshot: "before" }, {});
    assert.equal(stopped.code, "instance_not_stopped");
    await place(web, undefined);
    const { id } = await ask("getVolume", { volume: "web" });
    await ask("restoreSnapshot", { snapshot: "before" }, {});
    const problem = { kind: "exhausted", code: "store_full", message: "The disk is full." };
    const done = await settle((task) => (task.do === "restore" ? { is: "failed", problem } : {}));
    assert.deepEqual(done, ["restore", "remove"], "what was begun is cleaned away");
    const after = await ask("getVolume", { volume: "web" });
    assert.deepEqual([after.id, after.state, after.problem?.code], [id, "ready", "store_full"]);
    await ask("deleteSnapshot", { snapshot: "before" });
  }));

test("a place that is away is tried again under a new id, and given up at the deadline", () =>
  alone(async ({ ask, hosts, instance, round, tasks, says, pass }) => {
    await instance("web", { home: hosts.h1 });
    const { id } = await ask("createBackup", {}, { volume: "web" });
    await round();
    const first = one(await tasks(hosts.h1));
    const problem = { kind: "unavailable", code: "backup_place_missing", message: "It is away." };
    await says(hosts.h1, first, { is: "failed", problem });
    const [doing] = (await ask("getVolume", { volume: "web" })).doing;
    assert.deepEqual([doing?.attempts, doing?.problem?.code], [1, "backup_place_missing"]);
    await round();
    assert.deepEqual(await tasks(hosts.h1), [], "not at once");
    pass(2_000);
    await round();
    const second = one(await tasks(hosts.h1));
    assert.ok(second && second.id !== first?.id);
    pass(7 * 3_600_000);
    await round();
    const view = await ask("getBackup", { backup: id });
    assert.deepEqual([view.state, view.problem?.code], ["failed", "storage_task_overdue"]);
    await says(hosts.h1, second);
    assert.equal((await ask("getBackup", { backup: id })).state, "failed", "too late");
  }));

test("backups build on the latest that is whole, and hold together when one in the middle goes", () =>
  alone(async ({ ask, hosts, instance, settle, pass, refusal, set }) => {
    await instance("web", { home: hosts.h1 });
    const facts = (task: StorageTask) =>
      task.do === "backup"
        ? { result: { usedBytes: 5, virtualBytes: gib, ...(task.since && { since: task.since }) } }
        : {};
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      ids.push((await ask("createBackup", {}, { volume: "web" })).id);
      if (count === 0)
        assert.equal((await refusal("createBackup", {}, { volume: "web" })).code, "volume_busy");
      await settle(facts);
      pass(1_000);
    }
    const chain = async () => (await ask("listBackups", {})).backups.map(({ since }) => since);
    assert.deepEqual(await chain(), [null, ids[0], ids[1]]);
    await ask("deleteBackup", { backup: ids[1] ?? "" });
    const [gone] = (await ask("listBackups", {})).backups.slice(1);
    assert.equal(gone?.state, "deleting");
    await settle(facts);
    assert.deepEqual(await chain(), [null, ids[0]]);
    await ask("createBackup", {}, { volume: "web" });
    const busy = await refusal("deleteBackup", { backup: ids[2] ?? "" });
    assert.equal(busy.code, "backup_busy");
    await settle(facts);
    const full = await ask("createBackup", {}, { volume: "web", full: true });
    await settle(facts);
    assert.equal((await ask("getBackup", { backup: full.id })).since, null);
    set.set("backups.place", "");
    assert.equal((await refusal("createBackup", {}, { volume: "web" })).code, "backup_place_unset");
    set.set("backups.place", "/backups");
  }));

test("each slot of a schedule has one backup, whoever looks, and what need not be kept goes", () =>
  alone(async ({ ask, hosts, instance, settle, round, pass, database, now, refusal }) => {
    await instance("web", { home: hosts.h1 });
    const params = { volume: "web" };
    const none = await refusal("stopSchedule", params);
    assert.equal(none.code, "schedule_not_found");
    const keep = { hourly: 2, daily: 0, weekly: 0 };
    await ask("scheduleBackups", params, { everyMinutes: 60, keep });
    await Promise.all([round(), round(), round()]);
    const count = async () => (await ask("listBackups", {})).backups.length;
    assert.equal(await count(), 1);
    for (let hour = 0; hour < 4; hour++) {
      await settle();
      pass(3_600_000);
    }
    await settle();
    assert.equal(await count(), 2);
    const [schedule] = (await ask("listSchedules", {})).schedules;
    assert.deepEqual([schedule?.volume, schedule?.lastAt], ["web.root", now()]);

    pass(2.5 * 3_600_000);
    const find = volumeTroubles(database, () => ({ nearlyFull: 0, reserve: 0 }));
    const [trouble] = await find({ project: undefined, now: now() });
    assert.equal(trouble?.code, "backups-overdue");
    await settle();
    assert.deepEqual(await find({ project: undefined, now: now() }), []);
    assert.equal((await ask("listSchedules", {})).schedules[0]?.nextAt, now() + 0.5 * 3_600_000);
    await ask("stopSchedule", params);
  }));

test("what is destroyed ends what is under way with its volumes, and cleans up after it", () =>
  alone(async ({ ask, hosts, instance, round, tasks, says, database }) => {
    const web = await instance("web", { home: hosts.h1 });
    await ask("createSnapshot", {}, { volume: "web", name: "late" });
    const backup = await ask("createBackup", {}, { volume: "web" });
    await round();
    const task = one(await tasks(hosts.h1));
    await database.transaction((sql) => cancelActivities(sql, [web]));
    assert.deepEqual(await tasks(hosts.h1), []);
    const { state, problem } = await ask("getSnapshot", { snapshot: "late" });
    assert.deepEqual([state, problem?.code], ["failed", "storage_task_cancelled"]);
    await says(hosts.h1, task);
    assert.equal((await ask("getSnapshot", { snapshot: "late" })).state, "failed", "it is over");
    assert.equal((await ask("getBackup", { backup: backup.id })).state, "failed");
    await ask("deleteSnapshot", { snapshot: "late" });
  }));

test("damage is found by looking, told of, and over once the volume is whole again", () =>
  alone(async ({ ask, hosts, instance, settle, refusal, database, now, set, pass }) => {
    await instance("web", { home: hosts.h1 });
    await ask("checkVolume", { volume: "web" }, {});
    await settle(() => ({ result: { is: "damaged", why: "it was cut short" } }));
    const { state, checked } = await ask("getVolume", { volume: "web" });
    assert.deepEqual([state, checked?.why], ["failed", "it was cut short"]);
    assert.equal((await refusal("createBackup", {}, { volume: "web" })).code, "volume_not_made");
    const find = volumeTroubles(database, () => ({ nearlyFull: 0, reserve: 0 }));
    const [trouble] = await find({ project: undefined, now: now() });
    assert.deepEqual([trouble?.code, trouble?.affects.names], ["volume-damaged", ["web"]]);
    await ask("checkVolume", { volume: "web" }, {});
    await settle(() => ({ result: { is: "sound" } }));
    assert.equal((await ask("getVolume", { volume: "web" })).state, "ready");
    assert.deepEqual(await find({ project: undefined, now: now() }), []);
    await database.query("update volume set created_at = now() - interval '10 years'");
    pass(169 * 3_600_000);
    set.set("volumes.check_interval", 0);
    assert.deepEqual(await settle(), []);
    set.delete("volumes.check_interval");
    assert.deepEqual(
      await settle(() => ({ result: { is: "sound" } })),
      ["check"],
      "each week, once",
    );
  }));

test("a volume can be made from a backup of one that is gone", () =>
  alone(async ({ ask, hosts, instance, settle, refusal }) => {
    await instance("web", { home: hosts.h1 });
    await ask("createVolume", {}, { name: "data", sizeGiB: 1, pool: "fast" });
    await settle();
    const backup = (await ask("createBackup", {}, { volume: "data" })).id;
    await settle();
    await ask("deleteVolume", { volume: "data" });
    await settle();
    const copy = await ask("restoreBackup", { backup }, { name: "copy", pool: "local" });
    assert.deepEqual([copy.name, copy.state, copy.host], ["copy", "creating", "h1"]);
    assert.deepEqual(await settle(), ["restore-backup"]);
    assert.equal((await ask("getVolume", { volume: "copy" })).state, "ready");
    const again = await ask("restoreBackup", { backup }, {});
    assert.deepEqual([again.name, again.pool], ["data", "fast"], "under the name that it had");
    await settle();
    assert.equal((await refusal("restoreBackup", { backup }, { name: "copy" })).code, "name_taken");
    for (const volume of ["copy", "data"]) await ask("deleteVolume", { volume });
  }));

/** As the pass has it that begins to move an instance. */
async function leave(sql: Sql, instance: InstanceId, from: HostId, to: HostId): Promise<void> {
  await sql.query(
    `insert into migration (id, instance_id, state, from_host, from_epoch, from_generation, to_host, to_epoch,
       to_generation, terms, why, actor, started_at)
     values (gen_random_uuid(), $1, 'copying', $2, 1, 1, $3, 1, 2, '{}', 'test', 'tester', now())`,
    [instance, from, to],
  );
  await sql.query("update instance set state = 'migrating', op = '{}' where id = $1", [instance]);
}

async function arrive({ database, place }: Depot, instance: InstanceId, to: HostId): Promise<void> {
  await database.query("update migration set state = 'done' where instance_id = $1", [instance]);
  await place(instance, to);
}

test("a volume is made of a snapshot while a guest has the other one, and is its own then", () =>
  alone(async ({ ask, round, tasks, says, settle, instance, hosts, refusal }) => {
    const { h1 } = hosts;
    await instance("a", { home: h1 });
    await ask("createSnapshot", {}, { volume: "a.root", name: "monday" });
    const early = await refusal(
      "createVolumeFromSnapshot",
      { snapshot: "monday" },
      { name: "copy" },
    );
    assert.equal(early.code, "snapshot_not_ready");
    await settle();
    const small = { name: "copy", sizeGiB: 2 };
    const made = await ask("createVolumeFromSnapshot", { snapshot: "monday" }, small);
    assert.deepEqual([made.state, made.pool, made.host], ["creating", "local", "h1"]);
    const attach = ["attachVolume", { volume: "copy" }, { instance: "a" }] as const;
    assert.equal((await refusal(...attach)).code, "volume_not_attachable");
    await round();
    const task = one(await tasks(h1));
    assert.ok(task?.do === "copy");
    assert.deepEqual([task.volume, task.bytes], [made.id, 2 * gib]);
    assert.equal((await ask("getVolume", { volume: "copy" })).doing[0]?.do, "copy");
    await ask("deleteSnapshot", { snapshot: "monday" });
    await round();
    assert.deepEqual(
      (await tasks(h1)).map((each) => each.do),
      ["copy"],
      "the snapshot stays until then",
    );
    await says(h1, task);
    assert.deepEqual(await settle(), ["remove-snapshot"]);
    const whole = await ask("getVolume", { volume: "copy" });
    assert.deepEqual(
      [whole.state, whole.sizeBytes, whole.actualBytes, whole.fromSnapshot],
      ["ready", 2 * gib, 2 * gib, task.snapshot],
    );
    await ask("deleteVolume", { volume: "copy" });
  }));

test("a disk goes with its instance also while a copy is made of a snapshot in it that is deleted", () =>
  alone(async ({ ask, hosts, instance, settle, database }) => {
    const web = await instance("web", { home: hosts.h1 });
    await ask("createVolume", {}, { name: "data", sizeGiB: 1, pool: "fast" });
    await ask("attachVolume", { volume: "data" }, { instance: "web", deleteWithInstance: true });
    await settle();
    await ask("createSnapshot", {}, { volume: "data", name: "nightly" });
    await settle();
    await ask("createVolumeFromSnapshot", { snapshot: "nightly" }, { name: "copy" });
    await ask("deleteSnapshot", { snapshot: "nightly" });
    await database.query("update instance set state = 'expunged', home = null where id = $1", [
      web,
    ]);
    await database.transaction((sql) => releaseDisks(sql, [web]));
    const { doing } = await ask("getVolume", { volume: "copy" });
    assert.deepEqual(
      doing.map((task) => task.do),
      ["copy"],
      "who waits for it waits on",
    );
    assert.deepEqual(await settle(), ["copy", "remove"]);
    assert.equal((await ask("getVolume", { volume: "copy" })).state, "ready");
    await assert.rejects(ask("getSnapshot", { snapshot: "nightly" }), {
      code: "snapshot_not_found",
    });
    await ask("deleteVolume", { volume: "copy" });
  }));

test("a copy that comes to nothing is never taken for an empty volume, and is deleted at its host", () =>
  alone(async ({ ask, round, tasks, says, settle, instance, hosts, refusal }) => {
    const { h1 } = hosts;
    await instance("a", { home: h1 });
    await ask("createSnapshot", {}, { volume: "a.root", name: "monday" });
    await settle();
    const full = { kind: "exhausted", code: "store_full", message: "The disk is full." } as const;
    await ask("createVolumeFromSnapshot", { snapshot: "monday" }, { name: "one" });
    await round();
    await says(h1, one(await tasks(h1)), { is: "failed", problem: full });
    const failed = await ask("getVolume", { volume: "one" });
    assert.deepEqual([failed.state, failed.problem?.code], ["failed", "store_full"]);
    const attach = ["attachVolume", { volume: "one" }, { instance: "a" }] as const;
    assert.equal((await refusal(...attach)).code, "volume_not_attachable");
    await ask("createVolumeFromSnapshot", { snapshot: "monday" }, { name: "two" });
    await round();
    for (const volume of ["one", "two"]) await ask("deleteVolume", { volume });
    assert.deepEqual(await settle(), ["remove", "remove"], "what was being copied is not");
    await ask("createVolumeFromSnapshot", { snapshot: "monday" }, { name: "three" });
    await ask("createImageFromSnapshot", { snapshot: "monday" }, { name: "golden" });
    await ask("deleteSnapshot", { snapshot: "monday" });
    assert.deepEqual(await settle((task) => facts(task)), ["copy", "extract", "remove-snapshot"]);
    await ask("deleteVolume", { volume: "three" });
    await settle();
  }));

test("a copied snapshot lies in a volume of its own, which waits for the disk and goes with it", () =>
  alone(async ({ ask, round, tasks, settle, instance, hosts }) => {
    await instance("a", { home: hosts.h1 });
    await ask("createSnapshot", {}, { volume: "a.root", name: "monday" });
    await settle();
    const made = await ask("copySnapshot", { snapshot: "monday" }, { name: "kept" });
    assert.deepEqual([made.state, made.volume, made.sizeBytes], ["making", "kept", gib]);
    await round();
    assert.deepEqual(
      (await tasks(hosts.h1)).map((each) => each.do),
      ["copy"],
      "there is nothing to keep before the disk is there",
    );
    assert.deepEqual(await settle(), ["copy", "snapshot"]);
    const kept = await ask("getSnapshot", { snapshot: "kept" });
    assert.equal(kept.state, "ready");
    await ask("deleteSnapshot", { snapshot: "monday" });
    await settle();
    await ask("createVolumeFromSnapshot", { snapshot: "kept" }, { name: "again" });
    assert.deepEqual(await settle(), ["copy"]);
    await ask("createSnapshot", {}, { volume: "kept", name: "second" });
    await settle();
    await ask("deleteSnapshot", { snapshot: "kept" });
    assert.deepEqual(await settle(), ["remove-snapshot"]);
    assert.equal((await ask("getVolume", { volume: "kept" })).deleteWithSnapshots, true);
    await ask("deleteSnapshot", { snapshot: "second" });
    assert.deepEqual(await settle(), ["remove-snapshot", "remove"], "and the volume with the last");
    await ask("deleteVolume", { volume: "again" });
    await settle();
  }));

test("the volume of a copied snapshot stays once an instance has had it", () =>
  alone(async ({ ask, settle, instance, hosts }) => {
    await instance("a", { home: hosts.h1 });
    await ask("createSnapshot", {}, { volume: "a.root", name: "monday" });
    await settle();
    await ask("copySnapshot", { snapshot: "monday" }, { name: "kept" });
    await settle();
    await instance("b", { disk: hosts.h1 });
    await ask("attachVolume", { volume: "kept" }, { instance: "b" });
    await ask("detachVolume", { volume: "kept" }, {});
    await ask("deleteSnapshot", { snapshot: "kept" });
    assert.deepEqual(await settle(), ["remove-snapshot"]);
    assert.equal((await ask("getVolume", { volume: "kept" })).deleteWithSnapshots, false);
    await ask("deleteVolume", { volume: "kept" });
    await ask("deleteSnapshot", { snapshot: "monday" });
    await settle();
  }));

test("a copy of a snapshot that comes to nothing is told so, and deleting it leaves nothing", () =>
  alone(async ({ ask, round, tasks, says, settle, instance, hosts, refusal }) => {
    await instance("a", { home: hosts.h1 });
    await ask("createSnapshot", {}, { volume: "a.root", name: "monday" });
    await settle();
    const full = {
      kind: "exhausted",
      code: "store_full",
      message: "The disk is full.",
    } as const;
    await ask("copySnapshot", { snapshot: "monday" }, { name: "one" });
    await round();
    await says(hosts.h1, one(await tasks(hosts.h1)), { is: "failed", problem: full });
    const { state, problem } = await ask("getSnapshot", { snapshot: "one" });
    assert.deepEqual([state, problem?.code], ["failed", "store_full"]);
    await ask("copySnapshot", { snapshot: "monday" }, { name: "two" });
    await round();
    for (const name of ["one", "two"]) {
      assert.equal((await ask("deleteSnapshot", { snapshot: name })).state, "deleting");
      assert.equal(
        (await refusal("getSnapshot", { snapshot: name })).code,
        "snapshot_not_found",
        "there is nothing to wait for",
      );
    }
    assert.deepEqual(await settle(), ["remove", "remove"]);
    await ask("deleteSnapshot", { snapshot: "monday" });
    await settle();
  }));

const facts = (task: StorageTask) =>
  task.do === "extract"
    ? { result: { digest: `sha256:${"a".repeat(64)}`, virtualBytes: gib } }
    : {};

test("what is to be done with a volume waits while its instance moves, and is done where it arrives", () =>
  alone(async (depot) => {
    const { ask, hosts, instance, round, settle, tasks, database } = depot;
    const web = await instance("web", { home: hosts.h1 });
    const { id } = await ask("createBackup", {}, { volume: "web" });
    await settle();
    await leave(database, web, hosts.h1, hosts.h2);
    await ask("deleteBackup", { backup: id });
    await round();
    assert.equal(one(await tasks(hosts.h1))?.do, "remove-backup", "which is no file of the volume");
    await settle();
    await ask("checkVolume", { volume: "web" }, {});
    await ask("createSnapshot", {}, { volume: "web", name: "late" });
    await ask("createBackup", {}, { volume: "web" });
    await round();
    assert.deepEqual([await tasks(hosts.h1), await tasks(hosts.h2)], [[], []]);
    await arrive(depot, web, hosts.h2);
    await round();
    assert.deepEqual(await tasks(hosts.h1), []);
    assert.equal(one(await tasks(hosts.h2))?.do, "check");
    assert.deepEqual(await settle(), ["check", "snapshot", "backup"]);
    await ask("deleteSnapshot", { snapshot: "late" });
  }));

test("a move and a task that begin at the same moment do not both begin", () =>
  alone(async (depot) => {
    const { ask, hosts, instance, round, tasks, database } = depot;
    const web = await instance("web", { home: hosts.h1 });
    await ask("checkVolume", { volume: "web" }, {});
    await database.transaction(async (sql) => {
      await sql.query("select from instance where id = $1 for update", [web]);
      await round();
      assert.deepEqual(await givenTasksOf(sql, [web]), [], "nothing, for as long as it is held");
      await leave(sql, web, hosts.h1, hosts.h2);
    });
    await round();
    assert.deepEqual(await tasks(hosts.h1), []);
    await arrive(depot, web, hosts.h2);
    await round();
    assert.deepEqual(await givenTasksOf(database, [web]), [
      { instance: web, do: "check", volume: "web.root", by: "tester" },
    ]);
  }));

test("disks neither come, go nor grow while their instance moves, and whoever asks is told", () =>
  alone(async (depot) => {
    const { ask, hosts, instance, settle, refusal, database } = depot;
    const web = await instance("web", { home: hosts.h1 });
    for (const name of ["old", "new"])
      await ask("createVolume", {}, { name, sizeGiB: 1, pool: "fast" });
    await ask("attachVolume", { volume: "old" }, { instance: "web" });
    await settle();
    await leave(database, web, hosts.h1, hosts.h2);
    const refused = [
      await refusal("attachVolume", { volume: "new" }, { instance: "web" }),
      await refusal("detachVolume", { volume: "old" }, {}),
      await refusal("resizeVolume", { volume: "old" }, { sizeGiB: 2 }),
      await refusal("resizeVolume", { volume: "web" }, { sizeGiB: 2 }),
    ];
    for (const { code } of refused) assert.equal(code, "not_in_this_state");
    assert.match(refused[1]?.message ?? "", /^web is on its way to another host, and takes old/);
    await arrive(depot, web, hosts.h2);
    await ask("resizeVolume", { volume: "old" }, { sizeGiB: 2 });
    await ask("detachVolume", { volume: "old" }, {});
    await depot.place(web, undefined);
    await settle();
    for (const volume of ["old", "new"]) await ask("deleteVolume", { volume });
  }));
