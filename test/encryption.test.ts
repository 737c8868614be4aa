/** Encrypted volumes through the whole platform: asked for, inherited, never plain again, and their keys nowhere in the clear. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { ImageView } from "@holdfast/cloud/images/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import type { BackupView, SnapshotView, VolumeView } from "@holdfast/cloud/volumes/api";
import type { VolumeId } from "@holdfast/kernel/ids";
import { sharedPlatform, until } from "./platform.ts";

const at = "/v1/projects/default";
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
const volume = (name: string) => ask<VolumeView>("GET", `${at}/volumes/${name}`);
const snapshot = (name: string) => ask<SnapshotView>("GET", `${at}/snapshots/${name}`);
const instance = (name: string) => ask<InstanceView>("GET", `${at}/instances/${name}`);
async function run(name: string, more = {}): Promise<InstanceView> {
  await ask("POST", `${at}/instances`, { name, ...more });
  await until(`${name} runs`, async () => (await instance(name)).state === "running");
  return instance(name);
}
async function stop(name: string): Promise<void> {
  await ask("POST", `${at}/instances/${name}/stop`, { force: true });
  await until(`${name} is stopped`, async () => (await instance(name)).state === "stopped");
}
/** The key that the file of a volume has on its host. */
function keyOf(id: string): string | undefined {
  for (const { pools } of platform.hosts)
    for (const { volumes } of pools.values()) {
      const found = volumes.get(id as VolumeId); // A view's id is plain text.
      if (found) return found.key;
    }
  throw new Error(`no host has ${id}`);
}
const isReady = async (name: string) => (await volume(name)).state === "ready";
const isQuiet = async (name: string) => (await volume(name)).doing.length === 0;

test("what is asked for encrypted is made so, and so is all that comes of it", async () => {
  const web = await run("web", {
    ...{ encrypted: true, ephemeralGiB: 1 },
    volumes: [{ sizeGiB: 1, encrypted: true }, { sizeGiB: 1 }],
  });
  await until(
    "its disks are there",
    async () => (await isReady("web-data")) && isReady("web-data-2"),
  );
  await until(
    "both are attached",
    async () => (await volume("web-data-2")).attachment === "attached",
  );
  const told = (await instance("web")).disks.map(({ kind, encrypted }) => [kind, encrypted]);
  assert.deepEqual(told, [
    ["root", true],
    ["data", true],
    ["data", false],
    ["ephemeral", true],
  ]);
  const key = keyOf(web.volume);
  assert.ok(key && key.length >= 43);
  const others = (await instance("web")).disks.map((disk) => keyOf(disk.volume));
  assert.equal(new Set(others).size, 4, "each has a key of its own, and a plain one has none");
  assert.equal(others[2], undefined);

  await ask("POST", `${at}/snapshots`, { volume: "web", name: "kept" });
  await until("it is kept", async () => (await snapshot("kept")).state === "ready");
  assert.equal((await snapshot("kept")).encrypted, true);
  await ask("POST", `${at}/snapshots/kept/volume`, { name: "copy" });
  await until("it is copied", () => isReady("copy"));
  const copy = await volume("copy");
  assert.deepEqual([copy.encrypted, keyOf(copy.id)], [true, key]);
  await ask("POST", `${at}/snapshots/kept/copy`, { name: "second" });
  await until("it is kept twice", async () => (await snapshot("second")).state === "ready");
  assert.equal((await snapshot("second")).encrypted, true);

  const backup = await ask<BackupView>("POST", `${at}/backups`, { volume: "copy" });
  await until("it is backed up", () => isQuiet("copy"));
  assert.equal((await ask<BackupView>("GET", `${at}/backups/${backup.id}`)).state, "ready");
  assert.equal(backup.encrypted, true);
  await ask("POST", `${at}/backups/${backup.id}/restore`, { name: "again" });
  await until("it is restored", () => isReady("again"));
  assert.deepEqual(
    [(await volume("again")).encrypted, keyOf((await volume("again")).id)],
    [true, key],
  );

  await stop("web");
  await ask("POST", `${at}/snapshots/kept/restore`, {});
  await until(
    "its root is restored",
    async () => (await isQuiet("web")) && (await volume("web")).id !== web.volume,
  );
  assert.deepEqual([(await volume("web")).encrypted, keyOf((await volume("web")).id)], [true, key]);
  await ask("POST", `${at}/volumes/web/resize`, { sizeGiB: 3 });
  await until("it has grown", () => isQuiet("web"));
  assert.equal((await volume("web")).problem, null);
  await ask("POST", `${at}/instances/web/start`, {});
  await until("web runs again", async () => (await instance("web")).state === "running");

  await ask("POST", `${at}/volumes/web/image`, { name: "golden" });
  const image = () => ask<ImageView>("GET", `${at}/images/golden`);
  await until("it is an image", async () => (await image()).state === "ready");
  assert.equal((await image()).encrypted, true);
  const child = await run("child", { image: "golden", ephemeralGiB: 1 });
  assert.deepEqual([(await volume("child")).encrypted, keyOf(child.volume)], [true, key]);
  const scratch = (await instance("child")).disks.find(({ kind }) => kind === "ephemeral");
  assert.ok(scratch?.encrypted && keyOf(scratch.volume), "what is made beside it is, too");
});

test("what is plain becomes encrypted where that is asked for", async () => {
  await run("plain");
  assert.equal((await volume("plain")).encrypted, false);
  await ask("POST", `${at}/snapshots`, { volume: "plain", name: "bare" });
  await until("it is kept", async () => (await snapshot("bare")).state === "ready");
  await ask("POST", `${at}/snapshots/bare/volume`, { name: "locked", encrypted: true });
  await until("it is copied", () => isReady("locked"));
  assert.equal((await volume("locked")).encrypted, true);
  assert.ok(keyOf((await volume("locked")).id));

  // The host that made the copy has been told its key, and goes on working with what is plain.
  await stop("plain");
  await ask("POST", `${at}/snapshots`, { volume: "plain", name: "barer" });
  await until("it is kept again", async () => (await snapshot("barer")).state !== "making");
  assert.equal((await snapshot("barer")).state, "ready");
  await ask("DELETE", `${at}/snapshots/barer`);
  await until("that is gone", async () => {
    const { status } = await platform.call("GET", `${at}/snapshots/barer`);
    return status === 404;
  });
  await ask("POST", `${at}/volumes/plain/check`, {});
  await until("it is checked", async () => (await volume("plain")).checked !== null);
  assert.deepEqual((await volume("plain")).checked?.is, "sound");
  const { id } = await ask<BackupView>("POST", `${at}/backups`, { volume: "plain" });
  const backup = () => ask<BackupView>("GET", `${at}/backups/${id}`);
  await until("it is backed up", async () => (await backup()).state !== "making");
  assert.equal((await backup()).state, "ready");
  await ask("POST", `${at}/backups/${id}/restore`, { name: "locked-too", encrypted: true });
  await until("it is restored", () => isReady("locked-too"));
  await ask("POST", `${at}/volumes/plain/resize`, { sizeGiB: 3 });
  await until("it has grown", () => isQuiet("plain"));
  assert.equal((await volume("plain")).problem, null);
});

test("a key is in no row, and a host whose managers cannot open it says so", async () => {
  const { id } = await run("secretive", { encrypted: true });
  const key = keyOf((await volume("secretive")).id) ?? "";
  const tables = await platform.database.query<{ name: string }>(
    "select table_name as name from information_schema.tables where table_schema = 'public'",
  );
  for (const { name } of tables) {
    const found = await platform.database.query(
      `select 1 from "${name}" t where t::text like $1 limit 1`,
      [`%${key}%`],
    );
    assert.deepEqual(found, [], name);
  }
  await stop("secretive");
  await platform.database.query(
    `update volume_key set sealed = encode(decode(sealed, 'base64') || '\\x00', 'base64')
     where id = (select key_id from volume where id = (select volume_id from instance where id = $1))`,
    [id],
  );
  await ask("POST", `${at}/instances/secretive/start`, {});
  await until("it is told why", async () => {
    const { body } = await platform.call<{ cause: unknown }>("GET", `${at}/instances/secretive`);
    return JSON.stringify(body).includes("volume_key_missing");
  });
});
