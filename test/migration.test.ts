/**
 * Live migration through a whole platform: API, managers, real links, agents; machines and the ways between
 * hosts are simulated.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { MaintenanceDetail } from "@holdfast/cloud/events/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type { MigrationView } from "@holdfast/cloud/instances/migration-api";
import type { JobView } from "@holdfast/cloud/jobs/api";
import type { SnapshotView, VolumeView } from "@holdfast/cloud/volumes/api";
import { endMachine, isAlive, type SimulatedMachine } from "@holdfast/drivers/hypervisor/simulated";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { type Platform, startPlatform, type TestHost, until, wallClock } from "./platform.ts";

const at = "/v1/projects/default/instances";
const moves = "/v1/projects/default/migrations";
const snapshots = "/v1/projects/default/snapshots";
const memory = 128 * 2 ** 20;
let platform: Platform;
before(async () => {
  platform = await startPlatform({ hosts: 3, pools: ["shared"] });
});
after(() => platform.close());
/** As fast as they go, unless a test says otherwise. */
beforeEach(() => {
  for (const { world } of platform.hosts) world.wireSpeed = memory * 100;
});

const call: Platform["call"] = (...given) => platform.call(...given);
const show = async (name: string) => (await call<InstanceView>("GET", `${at}/${name}`)).body;
const host = (name: string | null): TestHost => {
  const found = platform.hosts.find((one) => one.name === name);
  if (!found) throw new Error(`no host ${name}`);
  return found;
};
const others = (name: string | null) => platform.hosts.filter((one) => one.name !== name);

async function run(name: string, more: object = {}): Promise<InstanceView> {
  const { status, body } = await call("POST", at, { name, pool: "shared", ...more });
  assert.equal(status, 202, JSON.stringify(body));
  await until(`${name} is up`, async () => {
    const { state, guest } = await show(name);
    return state === "running" && guest === "up";
  });
  return show(name);
}

async function migrate(name: string, body: object = {}): Promise<MigrationView> {
  const answer = await call<{ migration: MigrationView }>("POST", `${at}/${name}/migrate`, body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  return answer.body.migration;
}
const look = async (id: string) => (await call<MigrationView>("GET", `${moves}/${id}`)).body;
const becomes = (id: string, ...states: MigrationView["state"][]) =>
  until(`the move is ${states.join(" or ")}`, async () => states.includes((await look(id)).state));

/** Where its guest really runs. */
const writers = (id: string) =>
  platform.hosts.flatMap(({ name, world }) =>
    [...world.machines.values()]
      .filter((one) => one.spec.id === id && isAlive(one))
      .map(() => name),
  );

async function isBooked(): Promise<void> {
  const rows = await platform.database.query<{ name: string }>(
    `select h.name from host h left join (
         select home as host, cpus, memory_mib from instance where home is not null
         union all select g.to_host, i.cpus, i.memory_mib from migration g join instance i on i.id = g.instance_id
           where g.state in ('preparing', 'copying')) t on t.host = h.id
     group by h.id having h.reserved_cpus <> coalesce(sum(t.cpus), 0)
       or h.reserved_memory_mib <> coalesce(sum(t.memory_mib), 0)`,
  );
  assert.deepEqual(rows, [], "room that is taken and not used, or used and not taken");
}

describe("live migration", { concurrency: false }, () => {
  test("an instance moves to the host that was named, and runs on as it was", async () => {
    const { id, host: from, upAt } = await run("web");
    const [to] = others(from);
    const begun = await migrate("web", { host: to?.name });
    assert.deepEqual([begun.from, begun.to], [from, to?.name]);
    await becomes(begun.id, "done");
    const now = await show("web");
    assert.deepEqual([now.state, now.host, now.generation, now.op], ["running", to?.name, 2, null]);
    assert.deepEqual(writers(id), [to?.name]);
    const { downtimeMs, totalMs } = await look(begun.id);
    assert.ok(downtimeMs !== null && totalMs !== null, "what it cost is known");
    assert.ok(upAt !== null && now.guest === "up", "its guest is as it was");
    const { body: job } = await call<JobView>("GET", `/v1/projects/default/jobs/${begun.job}`);
    assert.equal(job.state, "succeeded");
    await isBooked();
  });

  test("without a name it goes where there is room, and back again", async () => {
    const { id, host: from } = await run("wanderer");
    const there = await migrate("wanderer");
    assert.notEqual(there.to, from);
    await becomes(there.id, "done");
    const back = await migrate("wanderer", { host: from });
    await becomes(back.id, "done");
    assert.deepEqual([(await show("wanderer")).generation, writers(id)], [3, [from]]);
    await isBooked();
  });

  test("its local disk is copied along, and nothing of it is left behind", async () => {
    const { id, host: from, volume } = await run("local", { pool: "local" });
    const { id: move, to } = await migrate("local");
    await becomes(move, "done");
    assert.deepEqual(writers(id), [to]);
    const [row] = await platform.database.query<{ name: string }>(
      "select h.name from volume v join host h on h.id = v.host_id where v.id = $1",
      [volume],
    );
    assert.equal(row?.name, to);
    await until("the source has removed its copy", async () => {
      const rows = await platform.database.query(
        "select from migration where leftover_host is not null",
      );
      return rows.length === 0;
    });
    const has = (name: string | null) =>
      host(name)
        .pools.get("local")
        ?.volumes.has(volume as VolumeId);
    assert.deepEqual([has(from), has(to)], [false, true]);
  });

  test("with snapshots on the disks of its host it stays there, until they are deleted", async () => {
    const { id, host: from, volume } = await run("kept", { pool: "local" });
    await call("POST", snapshots, { volume: "kept", name: "before" });
    await until("it has a snapshot", async () => {
      const { body } = await call<SnapshotView>("GET", `${snapshots}/before`);
      const { body: root } = await call<VolumeView>(
        "GET",
        "/v1/projects/default/volumes/kept.root",
      );
      return body.state === "ready" && root.doing.length === 0;
    });
    const stays = async () => {
      for (const to of [undefined, others(from)[0]?.name]) {
        const { status, body } = await call<{ code: string; message: string; fix: string }>(
          "POST",
          `${at}/kept/migrate`,
          to ? { host: to } : {},
        );
        assert.deepEqual([status, body.code], [409, "destination_unsuitable"]);
        assert.match(body.message, /^kept cannot be moved while it runs: a snapshot of it lies/);
        assert.match(body.fix, /Delete them .* backup .* shared pool/);
      }
      const { body } = await call<MaintenanceDetail>(
        "POST",
        `/v1/hosts/${from}/maintenance/preview`,
        {},
      );
      const fate = body.instances.find(({ instance }) => instance === id);
      assert.equal(fate?.does, "reboot");
      assert.match(fate?.says ?? "", /^It cannot be moved while it runs: a snapshot of it lies/);
    };
    await stays();
    // Restored from, it lies in a file that was put aside.
    await call("POST", `${at}/kept/stop`, { force: true });
    await until("it is stopped", async () => (await show("kept")).state === "stopped");
    await call("POST", `${snapshots}/before/restore`, {});
    await until("it has another volume", async () => (await show("kept")).volume !== volume);
    await call("POST", `${at}/kept/start`, {});
    await until("it runs", async () => (await show("kept")).guest === "up");
    await stays();
    const files = () => [...(host(from).pools.get("local")?.volumes.keys() ?? [])];
    assert.ok(files().includes(volume as VolumeId));
    await call("DELETE", `${snapshots}/before`);
    await until("what was put aside is gone", () => !files().includes(volume as VolumeId));
    const { id: move, to } = await migrate("kept");
    await becomes(move, "done");
    assert.deepEqual(writers(id), [to]);
  });

  test("what is being done with its disk comes first, and what is asked for while it moves comes afterwards", async () => {
    const { host: from, volume } = await run("busy", { pool: "local" });
    await platform.database.query(
      `insert into storage_task (id, volume_id, "do", detail, created_at, deadline, not_before, actor)
       values (gen_random_uuid(), $1, 'backup', '{}', now(), now() + interval '1 day', now() + interval '1 day', 'kim')`,
      [volume],
    );
    const { status, body } = await call<{ code: string; message: string }>(
      "POST",
      `${at}/busy/migrate`,
      {},
    );
    assert.deepEqual([status, body.code], [409, "instance_busy"]);
    assert.match(body.message, /^A backup of busy\.root, a disk of busy, is under way for kim/);
    await platform.database.query("delete from storage_task where volume_id = $1", [volume]);
    host(from).world.wireSpeed = memory / 4;
    const begun = await migrate("busy");
    await becomes(begun.id, "copying");
    assert.equal(
      (await call("POST", snapshots, { volume: "busy", name: "on-the-way" })).status,
      202,
    );
    await becomes(begun.id, "done");
    await until("it has its snapshot", async () => {
      const { body: made } = await call<SnapshotView>("GET", `${snapshots}/on-the-way`);
      return made.state === "ready";
    });
    const kept = host(begun.to)
      .pools.get("local")
      ?.volumes.get(volume as VolumeId);
    assert.equal(kept?.snapshots.length, 1);
  });

  test("broken off while it copies, it runs on where it is", async () => {
    const { id, host: from } = await run("home");
    host(from).world.wireSpeed = memory / 600;
    const begun = await migrate("home");
    await becomes(begun.id, "copying");
    await until("its progress is known", async () => (await look(begun.id)).progress !== null);
    const { status } = await call("POST", `${moves}/${begun.id}/abort`, {});
    assert.equal(status, 202);
    await becomes(begun.id, "aborted");
    const now = await show("home");
    assert.deepEqual([now.state, now.host, now.generation], ["running", from, 1]);
    assert.deepEqual(writers(id), [from]);
    await isBooked();
    const again = await call<{ code: string }>("POST", `${moves}/${begun.id}/abort`, {});
    assert.deepEqual([again.status, again.body.code], [409, "not_migrating"]);
  });

  test("where its hosts lose each other at the last moment, it runs where it was sent to", async (t) => {
    const setting = "/v1/settings/migrations.switching";
    await call("PUT", setting, { value: 1 });
    const { id, host: from, generation } = await run("torn");
    const { world, ways } = host(from);
    const cutAtTheEnd = ({ spec, hasLeft }: SimulatedMachine) => {
      if (spec.id !== id || !hasLeft) return;
      ways.isCut = () => true;
      ways.settle();
    };
    world.attached.add(cutAtTheEnd);
    t.after(async () => {
      world.attached.delete(cutAtTheEnd);
      ways.isCut = () => false;
      await call("PUT", setting, { value: null });
    });
    const begun = await migrate("torn");
    await becomes(begun.id, "done");
    assert.ok(ways.isCut("", ""), "the way was there to the end");
    const now = await show("torn");
    assert.deepEqual([now.state, now.host, now.generation], ["running", begun.to, generation + 1]);
    assert.deepEqual(writers(id), [begun.to]);
    await isBooked();
  });

  test("stopped while it moves, both ends are ended and it stays stopped", async () => {
    const { id, host: from } = await run("quitter");
    host(from).world.wireSpeed = memory / 600;
    const begun = await migrate("quitter");
    await becomes(begun.id, "copying");
    await call("POST", `${at}/quitter/stop`, { force: true });
    await until("it is stopped", async () => (await show("quitter")).state === "stopped");
    assert.deepEqual(writers(id), []);
    assert.ok(["failed", "aborted"].includes((await look(begun.id)).state));
    await isBooked();
    await call("POST", `${at}/quitter/start`, {});
    await until("it runs", async () => (await show("quitter")).state === "running");
    assert.equal((await show("quitter")).generation, 3, "no generation is given twice");
  });

  test("where it cannot be it is refused at once, with the reason", async () => {
    const { host: from } = await run("picky");
    const [one, two] = others(from);
    const refused = async (body: object, name = "picky") => {
      const { status, body: why } = await call<{ code: string; message: string }>(
        "POST",
        `${at}/${name}/migrate`,
        body,
      );
      return `${status} ${why.code}: ${why.message}`;
    };
    assert.match(
      await refused({ host: from }),
      /409 destination_unsuitable: .*it is there already/,
    );
    assert.match(await refused({ host: "nowhere" }), /404 host_not_found/);
    await call("PATCH", `/v1/hosts/${one?.name}`, { mode: "maintenance" });
    assert.match(
      await refused({ host: one?.name }),
      /409 destination_unsuitable: .*in maintenance/,
    );
    const facts = (name: string | undefined, hypervisor: string) =>
      platform.database.query(
        `update host set facts = facts || jsonb_build_object('hypervisor', $2::text) where name = $1`,
        [name, hypervisor],
      );
    await facts(from ?? undefined, "QEMU 7.2.22");
    await facts(two?.name, "QEMU 7.1.0");
    assert.match(
      await refused({ host: two?.name }),
      /QEMU 7\.1\.0, which is older than QEMU 7\.2\.22/,
    );
    assert.match(await refused({}), / no_destination: No other host could go on with picky/);
    await facts(from ?? undefined, "simulated");
    await facts(two?.name, "simulated");
    await call("PATCH", `/v1/hosts/${one?.name}`, { mode: "enabled" });
    await call("POST", `${at}/picky/stop`, { force: true });
    await until("it is stopped", async () => (await show("picky")).state === "stopped");
    assert.match(await refused({}), /409 not_in_this_state: picky is stopped/);
    await isBooked();
  });

  test("room is taken on both hosts while it moves, and given back once", async () => {
    const { host: from } = await run("heavy");
    host(from).world.wireSpeed = memory / 2;
    const begun = await migrate("heavy");
    await becomes(begun.id, "copying");
    await isBooked();
    const rows = await platform.database.query(
      "select from host where name = any($1) and reserved_cpus > 0",
      [[begun.from, begun.to]],
    );
    assert.equal(rows.length, 2);
    await becomes(begun.id, "done");
    await isBooked();
  });

  test("both agents are started anew while it copies: it runs, here or there", async () => {
    const { id, host: from } = await run("stubborn");
    host(from).world.wireSpeed = memory / 4;
    const begun = await migrate("stubborn");
    await becomes(begun.id, "copying");
    for (const name of [begun.to, begun.from]) {
      await platform.stopAgent(host(name));
      await platform.startAgent(host(name));
    }
    await becomes(begun.id, "done", "failed", "aborted");
    const { state, host: now } = await show("stubborn");
    assert.equal(state, "running");
    assert.deepEqual(writers(id), [now]);
    await isBooked();
  });

  test("the destination's process dies while it copies: it runs on where it is", async () => {
    const { id, host: from } = await run("survivor");
    host(from).world.wireSpeed = memory / 600;
    const begun = await migrate("survivor");
    await becomes(begun.id, "copying");
    const { world } = host(begun.to);
    const waiting = () =>
      [...world.machines.values()].find(
        ({ spec, exit }) => spec.id === (id as InstanceId) && !exit,
      );
    await until("it waits there", () => waiting() !== undefined);
    const machine = waiting();
    if (machine) endMachine(world, machine.spec, wallClock, { status: { signal: "SIGSEGV" } });
    await becomes(begun.id, "failed");
    assert.ok((await look(begun.id)).says);
    assert.deepEqual(writers(id), [from]);
    assert.equal((await show("survivor")).state, "running");
    await isBooked();
  });
});
