/** Volumes through the whole platform: made, attached, grown, kept, restored, backed up, and all given back. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type {
  BackupView,
  ScheduleView,
  SnapshotView,
  VolumeView,
} from "@holdfast/cloud/volumes/api";
import { diskIdOf } from "@holdfast/drivers/volumes";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { sharedPlatform, until } from "./platform.ts";

const at = "/v1/projects/default";
const gib = 2 ** 30;

const platform = await sharedPlatform({ managers: 2, hosts: 2 });
before(async () => {
  await ask("PUT", "/v1/settings/backups.place", { value: "/backups" });
});

/** Must be carried out. */
async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await platform.call<T>(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
async function refusal(method: string, path: string, body?: object): Promise<string> {
  const answer = await platform.call<{ code: string }>(method, path, body);
  assert.ok(answer.status >= 400, `${method} ${path} was not refused`);
  return answer.body.code;
}
const volume = (name: string) => ask<VolumeView>("GET", `${at}/volumes/${name}`);
const instance = (name: string) => ask<InstanceView>("GET", `${at}/instances/${name}`);
const snapshot = (name: string) => ask<SnapshotView>("GET", `${at}/snapshots/${name}`);
const backups = async (name: string) =>
  (await ask<{ backups: BackupView[] }>("GET", `${at}/backups?volume=${name}`)).backups;

async function run(name: string, more = {}): Promise<InstanceView> {
  await ask("POST", `${at}/instances`, { name, ...more });
  await until(`${name} runs`, async () => (await instance(name)).state === "running");
  return instance(name);
}
async function order(name: string, verb: string, isThere: (view: InstanceView) => boolean) {
  await ask("POST", `${at}/instances/${name}/${verb}`, verb === "stop" ? { force: true } : {});
  await until(`${name} is as ${verb} wants`, async () => isThere(await instance(name)));
}
const stop = (name: string) => order(name, "stop", ({ state }) => state === "stopped");
async function expunge(name: string): Promise<void> {
  const { id } = await instance(name);
  await order(name, "destroy", ({ state }) => state === "destroyed");
  await ask("POST", `${at}/instances/${name}/expunge`, {});
  await until(`${name} is gone`, async () => (await instance(id)).state === "expunged");
}
const isAttached = async (name: string) => (await volume(name)).attachment === "attached";
async function isQuiet(name: string): Promise<void> {
  await until(`nothing is done with ${name}`, async () => (await volume(name)).doing.length === 0);
}

/** Everything that could be left over, in the database and on the hosts. */
async function counts(): Promise<unknown> {
  const [row] = await platform.database.query(
    `select (select count(*)::int from volume where state <> 'expunged') as volumes,
       (select count(*)::int from attachment) as attachments, (select count(*)::int from snapshot) as snapshots,
       (select count(*)::int from backup) as backups, (select count(*)::int from storage_task) as tasks,
       (select count(*)::int from backup_schedule) as schedules`,
  );
  const pools = platform.hosts.map(({ pools }) =>
    [...pools.values()].map((one) => one.volumes.size),
  );
  return { ...row, pools };
}
const alone = async (work: () => Promise<void>): Promise<void> => {
  const start = await counts();
  await work();
  await until("nothing is left", async () => {
    const now = await counts();
    return JSON.stringify(now) === JSON.stringify(start);
  }).catch(async () => assert.deepEqual(await counts(), start));
};
/** The volume as its host has it. */
function there(id: string) {
  for (const { pools } of platform.hosts)
    for (const { volumes } of pools.values()) {
      const found = volumes.get(id as VolumeId); // A view's id is plain text.
      if (found) return found;
    }
  return undefined;
}

/** As the guest that has it is held to. */
function limitsOf(id: string) {
  const disk = diskIdOf(id as VolumeId); // A view's id is plain text.
  for (const { world } of platform.hosts)
    for (const machine of world.machines.values()) {
      const found = machine.disks.get(disk);
      if (found) return found.limits;
    }
  return {};
}

test("a volume is made where its instance runs, grows, is limited and let go while that runs", () =>
  alone(async () => {
    const web = await run("web");
    const made = await ask<VolumeView>("POST", `${at}/volumes`, { name: "data", sizeGiB: 1 });
    assert.deepEqual([made.state, made.host], ["allocated", null]);
    assert.equal(
      await refusal("POST", `${at}/volumes`, { name: "data", sizeGiB: 1 }),
      "name_taken",
    );
    await ask("POST", `${at}/volumes/data/attach`, { instance: "web" });
    await until("it is attached", () => isAttached("data"));
    const { id, host } = await volume("data");
    assert.equal(host, web.host);
    assert.equal(there(id)?.bytes, gib);

    await ask("POST", `${at}/volumes/data/resize`, { sizeGiB: 2 });
    await until("it has grown", async () => (await volume("data")).actualBytes === 2 * gib);
    const smaller = await refusal("POST", `${at}/volumes/data/resize`, { sizeGiB: 1 });
    assert.equal(smaller, "volume_cannot_shrink");
    await ask("PUT", `${at}/volumes/data/limits`, { iops: 500 });
    await until("it is limited", () => limitsOf(id).iops === 500);
    const tiny = { cpus: 1, memoryMiB: 128, diskGiB: 1 };
    await ask("PUT", "/v1/types/tiny", { ...tiny, diskIops: 900, diskBytesPerSecond: 2 ** 20 });
    await until("the type's limits are the root's", () => limitsOf(web.volume).iops === 900);
    assert.equal(limitsOf(web.volume).bytesPerSecond, 2 ** 20);
    await ask("PUT", "/v1/types/tiny", tiny);
    await until("they are gone", () => limitsOf(web.volume).iops === undefined);
    assert.equal(limitsOf(id).iops, 500, "its own stay");
    assert.equal(await refusal("DELETE", `${at}/volumes/data`), "volume_in_use");

    await ask("POST", `${at}/volumes/data/detach`, {});
    await until("it is let go", async () => (await volume("data")).instance === null);
    await ask("DELETE", `${at}/volumes/data`);
    await expunge("web");
  }));

test("a volume on one host is refused to an instance on another, and takes its instance to its own", () =>
  alone(async () => {
    const web = await run("web", { volumes: [{ sizeGiB: 1, deleteWithInstance: false }] });
    await until("it is attached", () => isAttached("web-data"));
    const far = platform.hosts.find(({ name }) => name !== web.host);
    await ask("PATCH", `/v1/hosts/${web.host}`, { mode: "draining" });
    const db = await run("db");
    assert.equal(db.host, far?.name);
    await ask("PATCH", `/v1/hosts/${web.host}`, { mode: "enabled" });
    await ask("POST", `${at}/volumes/web-data/detach`, {});
    await until("it is let go", async () => (await volume("web-data")).instance === null);
    const code = await refusal("POST", `${at}/volumes/web-data/attach`, { instance: "db" });
    assert.equal(code, "volume_elsewhere");
    for (let round = 0; round < 2; round++) {
      const near = await run("near", { volumes: [{ volume: "web-data" }] });
      assert.equal(near.host, web.host, "its volume is there");
      await until("it is attached", () => isAttached("web-data"));
      await expunge("near");
      await until("it is free", async () => (await volume("web-data")).instance === null);
    }
    await ask("DELETE", `${at}/volumes/web-data`);
    for (const name of ["web", "db"]) await expunge(name);
  }));

test("a guest that does not let go of a disk is asked again, and nobody else has it meanwhile", () =>
  alone(async () => {
    const web = await run("web", { volumes: [{ sizeGiB: 1, deleteWithInstance: true }] });
    await until("it is attached", () => isAttached("web-data"));
    const world = platform.hosts.find(({ name }) => name === web.host)?.world;
    const id = web.id as InstanceId; // A view's id is plain text.
    world?.tempers.set(id, { keepsDisks: true });
    await ask("POST", `${at}/volumes/web-data/detach`, {});
    await until("it is refused", async () => {
      const { attachment, problem } = await volume("web-data");
      return attachment === "detach-refused" && problem !== null;
    });
    assert.equal(await refusal("DELETE", `${at}/volumes/web-data`), "volume_in_use");
    const { body } = await platform.call<{ troubles: { code: string }[] }>("GET", "/v1/health");
    assert.match(JSON.stringify(body), /detach-refused/);
    world?.tempers.delete(id);
    await until("it is let go", async () => (await volume("web-data")).instance === null);
    await ask("DELETE", `${at}/volumes/web-data`);
    await expunge("web");
  }));

test("a snapshot is restored onto a stopped instance only, and stays when its volume is replaced", () =>
  alone(async () => {
    await run("web");
    const body = { volume: "web", name: "before" };
    const asked = await ask<SnapshotView>("POST", `${at}/snapshots`, body);
    assert.equal(asked.volume, "web.root");
    await until("it is kept", async () => (await snapshot("before")).state === "ready");
    assert.equal(
      await refusal("POST", `${at}/snapshots/before/restore`, {}),
      "instance_not_stopped",
    );
    await stop("web");
    const old = await volume("web.root");
    await ask("POST", `${at}/snapshots/before/restore`, {});
    const again = await platform.call<{ code: string }>("POST", `${at}/instances/web/start`, {});
    assert.ok(
      again.status === 202 || again.body.code === "volume_busy",
      JSON.stringify(again.body),
    );
    await until("it is another volume", async () => (await volume("web.root")).id !== old.id);
    await isQuiet("web.root");
    const kept = await snapshot("before");
    assert.equal(kept.volumeId, (await volume("web.root")).id, "it is the new one's");
    assert.ok(there(old.id), "what it lies in is there");
    await ask("POST", `${at}/instances/web/start`, {});
    await until("it runs from that", async () => (await instance("web")).state === "running");
    await ask("DELETE", `${at}/snapshots/before`);
    await until("what nothing lies in is gone", () => there(old.id) === undefined);
    await expunge("web");
  }));

test("backups build on each other, a schedule thins them out, and a new volume comes from one", () =>
  alone(async () => {
    await run("web");
    for (const count of [1, 2]) {
      await ask("POST", `${at}/backups`, { volume: "web.root" });
      await until("it is made", async () => {
        const all = await backups("web.root");
        return all.length === count && all.every(({ state }) => state === "ready");
      });
    }
    const [first, second] = await backups("web.root");
    assert.deepEqual([first?.since, second?.since], [null, first?.id]);

    const keep = { hourly: 2, daily: 0, weekly: 0 };
    await ask<ScheduleView>("PUT", `${at}/volumes/web/backup-schedule`, { everyMinutes: 60, keep });
    const { id } = await volume("web.root");
    for (let hour = 5; hour >= 1; hour--) {
      // As if the last rounds had been hours ago.
      await platform.database.query(
        "update backup_schedule set next_at = now() - $2 * interval '1 hour' where volume_id = $1",
        [id, hour],
      );
      await until("the slot has its backup", async () => {
        const [row] = await platform.database.query<{ count: number }>(
          "select count(*)::int as count from backup_schedule where volume_id = $1 and next_at > now()",
          [id],
        );
        return row?.count === 1 && (await volume("web")).doing.length === 0;
      });
    }
    await until("two of the schedule's are left", async () => {
      const all = await backups("web.root");
      return all.filter(({ isScheduled }) => isScheduled).length === 2 && all.length === 4;
    });
    await isQuiet("web.root");
    for (const { state, since } of await backups("web.root")) {
      assert.equal(state, "ready");
      const ids = (await backups("web.root")).map((one) => one.id);
      assert.ok(since === null || ids.includes(since), "what it builds on is there");
    }
    await ask("DELETE", `${at}/volumes/web/backup-schedule`);
    await ask("POST", `${at}/backups/${second?.id}/restore`, { name: "copy" });
    await until("the copy is made", async () => (await volume("copy")).state === "ready");
    await expunge("web");
    assert.equal((await ask<{ backups: BackupView[] }>("GET", `${at}/backups`)).backups.length, 4);
    await ask("DELETE", `${at}/volumes/copy`);
    for (const { id: each } of (await ask<{ backups: BackupView[] }>("GET", `${at}/backups`))
      .backups)
      await ask("DELETE", `${at}/backups/${each}`);
  }));

test("a manager that dies in between loses nothing, and nothing is done twice", () =>
  alone(async () => {
    await run("web", { ephemeralGiB: 1 });
    const cycle = async (name: string) => {
      await ask("POST", `${at}/volumes`, { name, sizeGiB: 1 });
      await ask("POST", `${at}/volumes/${name}/attach`, { instance: "web" });
      await ask("POST", `${at}/snapshots`, { volume: "web", name: `of-${name}` });
    };
    await cycle("one");
    await platform.stopManager(0);
    await until("the other one goes on", async () => (await snapshot("of-one")).state === "ready");
    await until("it is attached", () => isAttached("one"));
    await cycle("two");
    await platform.startManager(0);
    await platform.stopManager(1);
    await until("the first one goes on", async () => (await snapshot("of-two")).state === "ready");
    await until("it is attached", () => isAttached("two"));
    await platform.startManager(1);
    const { disks } = await instance("web");
    assert.deepEqual(
      disks.map(({ name }) => name),
      ["web.root", "web.ephemeral", "one", "two"],
    );
    const { warnings } = await ask<{ warnings: string[] }>("POST", `${at}/instances/web/stop`, {
      force: true,
    });
    assert.match(warnings.join(), /ephemeral disk of web is lost/);
    await until("it is stopped", async () => (await instance("web")).state === "stopped");
    for (const name of ["one", "two"]) {
      await ask("POST", `${at}/volumes/${name}/detach`, {});
      assert.equal((await volume(name)).instance, null, "nobody has it open");
      await ask("DELETE", `${at}/volumes/${name}`);
    }
    await expunge("web");
  }));

test("an image comes from an instance that runs, and others start from it", () =>
  alone(async () => {
    await run("web");
    await ask("POST", `${at}/volumes/web.root/image`, { name: "golden" });
    await until("it is ready", async () => {
      const { state } = await ask<{ state: string }>("GET", `${at}/images/golden`);
      return state === "ready";
    });
    await isQuiet("web.root");
    assert.deepEqual((await ask<{ snapshots: [] }>("GET", `${at}/snapshots`)).snapshots, []);
    await run("child", { image: "golden" });
    for (const name of ["child", "web"]) await expunge(name);
    await ask("DELETE", `${at}/images/golden`);
  }));
