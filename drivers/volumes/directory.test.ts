/** What only real files can get wrong: processes that were killed in the middle, and bytes that changed meanwhile. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import { wallClock } from "../hypervisor/fixture-host.ts";
import { directoryBackups, prepareBackups } from "./backups.ts";
import { directoryPool } from "./directory.ts";
import type { BackupPlace } from "./driver.ts";
import { isEncrypted } from "./encryption.ts";
import { sourceFromUrl } from "./sources.ts";

const MiB = 1 << 20;
let minted = 0;
const mint = <Id>() => uuidV7(3, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.

async function desk(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "hf-dir-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, "volumes");
  const open = (host = "h1") =>
    directoryPool({ directory, host, isShared: false, runDir: join(root, "run") });
  const backups = join(root, "backups");
  mkdirSync(backups);
  await prepareBackups(backups, "place");
  const pool = await open();
  const volume = mint<VolumeId>();
  await pool.make(volume, 8 * MiB, { is: "blank" });
  const fileOf = (each: VolumeId) => join(directory, `${each}.qcow2`);
  return {
    ...{ root, directory, backups, open, pool, volume, fileOf },
    place: directoryBackups(backups, wallClock),
    write: (at: string, pattern: number | "-z") =>
      execFileSync("qemu-io", [
        "-f",
        "qcow2",
        "-c",
        `write ${pattern === "-z" ? pattern : `-P ${pattern}`} ${at}`,
        fileOf(volume),
      ]),
    read: (each: VolumeId, at: string, pattern: number) =>
      execFileSync("qemu-io", ["-f", "qcow2", "-c", `read -P ${pattern} ${at}`, fileOf(each)], {
        encoding: "utf8",
      }),
  };
}

test("what is made with a key is encrypted, though one of the same name is still being removed", async (t) => {
  const { pool, volume, fileOf } = await desk(t);
  const removed = pool.remove(volume);
  pool.know(volume, "a-key");
  await Promise.all([removed, pool.make(volume, MiB, { is: "blank" })]);
  assert.equal(await isEncrypted(fileOf(volume)), true);
});

test("and so is what is copied or brought back with one", async (t) => {
  const { pool, volume, place, fileOf } = await desk(t);
  await pool.snapshot(volume, "s");
  await pool.backUp(volume, place, { id: "b" });
  for (const begin of [
    (copy: VolumeId) => pool.restore(copy, volume, "s"),
    (copy: VolumeId) => pool.copy(copy, volume, "s", MiB),
  ]) {
    const copy = mint<VolumeId>();
    const removed = pool.remove(copy);
    pool.know(copy, "a-key");
    await Promise.all([removed, begin(copy)]);
    assert.equal(await isEncrypted(fileOf(copy)), true);
  }
  const whole = mint<VolumeId>();
  const removed = pool.remove(whole);
  pool.know(whole, "a-key");
  await Promise.all([removed, pool.restoreBackup(whole, place, volume, "b")]);
  assert.equal(await isEncrypted(fileOf(whole)), true);
});

test("directory: a chain of backups is what was there, also where there is nothing any more", async (t) => {
  const { pool, volume, place, write, read } = await desk(t);
  write("0 4M", 1);
  await pool.backUp(volume, place, { id: "one" });
  write("1M 1M", 2);
  write("2M 1M", "-z");
  await pool.resize(volume, 16 * MiB);
  write("15M 64k", 3);
  await pool.backUp(volume, place, { id: "two", since: "one" });
  write("0 4M", 9);
  await pool.backUp(volume, place, { id: "three", since: "two" });
  await place.remove(volume, "one");
  const restored = mint<VolumeId>();
  await pool.restoreBackup(restored, place, volume, "two");
  for (const [at, pattern] of [
    ["0 1M", 1],
    ["1M 1M", 2],
    ["2M 1M", 0],
    ["3M 1M", 1],
    ["15M 64k", 3],
  ] as const)
    assert.doesNotMatch(read(restored, at, pattern), /verification failed/, at);
});

test("directory: a writer that was killed costs the next backup its shortcut, not its truth", async (t) => {
  const { pool, volume, place, root, fileOf, read } = await desk(t);
  await pool.backUp(volume, place, { id: "one" });
  // Opens the volume as QEMU would, writes through an export, and gets no chance to say goodbye.
  const socket = join(root, "export");
  const node = {
    driver: "qcow2",
    "node-name": "d",
    file: { driver: "file", filename: fileOf(volume) },
  };
  const server = ["--nbd-server", `addr.type=unix,addr.path=${socket}`];
  const daemon = spawn("qemu-storage-daemon", [
    ...["--blockdev", JSON.stringify(node), ...server],
    ...["--export", "type=nbd,id=e,node-name=d,name=d,writable=on"],
  ]);
  const ended = once(daemon, "exit");
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5)); // Nobody says so.
  const url = `nbd+unix:///d?socket=${socket}`;
  execFileSync("qemu-io", ["-f", "raw", "-c", "write -P 5 0 1M", "-c", "flush", url]);
  await assert.rejects(pool.backUp(volume, place, { id: "two", since: "one" }), {
    code: "volume_in_use",
  });
  daemon.kill("SIGKILL");
  await ended;
  const two = await pool.backUp(volume, place, { id: "two", since: "one" });
  assert.equal(two.since, undefined, "nobody knows what was written since");
  const restored = mint<VolumeId>();
  await pool.restoreBackup(restored, place, volume, "two");
  assert.doesNotMatch(read(restored, "0 1M", 5), /verification failed/);
  await pool.resize(volume, 16 * MiB);
});

test("directory: what a killed agent left half-made is swept, another host's is not", async (t) => {
  const { directory, open, pool, volume } = await desk(t);
  await open("h2");
  const dead = ["h1", "h2"].map((host) => join(directory, "incoming", host, "1-987654321-1"));
  for (const file of dead) writeFileSync(file, "half"); // Process 1 lives, but began at another tick.
  await open("h1");
  assert.deepEqual(dead.map(existsSync), [false, true]);
  assert.deepEqual(
    (await pool.measure()).volumes.map((each) => each.volume),
    [volume],
  );
});

test("directory: a shared pool that is not mounted is unreachable, and not made", async (t) => {
  const { root } = await desk(t);
  const directory = join(root, "nowhere");
  const open = directoryPool({ directory, host: "h1", isShared: true, runDir: join(root, "run") });
  await assert.rejects(open, { code: "pool_unreachable" });
  assert.equal(existsSync(directory), false);
});

test("directory: a claim that was cut off in the middle is nobody's", async (t) => {
  const { directory, pool, volume } = await desk(t);
  writeFileSync(join(directory, `${volume}.claim`), '{"instance":"x","gen');
  await pool.open(volume, { instance: mint<InstanceId>(), generation: 1 });
});

test("directory: a claim that cannot be read is somebody's, and its volume is neither taken nor removed", async (t) => {
  const { directory, pool, volume, fileOf } = await desk(t);
  const opener = { instance: mint<InstanceId>(), generation: 1 };
  mkdirSync(join(directory, `${volume}.claim`)); // Nobody is let read that, whatever the storage.
  for (const asked of [
    () => pool.open(volume, opener),
    () => pool.openers(volume),
    () => pool.release(volume, opener),
    () => pool.remove(volume),
  ])
    await assert.rejects(asked, { code: "EISDIR" });
  assert.equal(existsSync(fileOf(volume)), true);
});

test("directory: a claim that an older version has written holds, and is overtaken by its own instance", async (t) => {
  const { directory, pool, volume } = await desk(t);
  const [instance, other] = [mint<InstanceId>(), mint<InstanceId>()];
  writeFileSync(
    join(directory, `${volume}.claim`),
    JSON.stringify({ instance, generation: 1, host: "h1" }),
  );
  await assert.rejects(pool.open(volume, { instance: other, generation: 1 }), {
    code: "volume_in_use",
  });
  await pool.open(volume, { instance, generation: 2 });
  assert.deepEqual(await pool.openers(volume), [{ instance, generation: 2 }]);
  await pool.release(volume, { instance, generation: 2 });
  await pool.open(volume, { instance: other, generation: 1 });
  assert.deepEqual(await pool.openers(volume), [{ instance: other, generation: 1 }]);
});

test("directory: damage is told apart: cut short, no volume at all, an image that is gone", async (t) => {
  const { pool, volume, fileOf, root, write } = await desk(t);
  write("0 4M", 1);
  truncateSync(fileOf(volume), 1 * MiB);
  const short = await pool.check(volume);
  assert.ok(
    short.is === "damaged" && /it has 1048576 bytes/.test(short.why),
    JSON.stringify(short),
  );
  writeFileSync(fileOf(volume), "nonsense");
  const nonsense = await pool.check(volume);
  assert.ok(nonsense.is === "damaged" && /its beginning/.test(nonsense.why));
  const file = join(root, "image.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file, "1M"]);
  const upon = mint<VolumeId>();
  await pool.make(upon, MiB, { is: "overlay", image: { file, format: "qcow2" } });
  rmSync(file);
  assert.equal((await pool.check(upon)).is, "damaged");
});

test("backups: a place without its mark is not written to, whatever is there", async (t) => {
  const { pool, volume, place, backups } = await desk(t);
  rmSync(join(backups, "holdfast-backups.json"));
  await assert.rejects(pool.backUp(volume, place, { id: "one" }), { code: "backup_place_missing" });
  assert.deepEqual(readdirSync(backups), []);
  await assert.rejects(prepareBackups(join(backups, "nowhere"), "x"), {
    code: "backup_place_missing",
  });
});

test("backups: a place that vanishes in the middle costs that backup and nothing else", async (t) => {
  const { pool, volume, place, backups, write, read } = await desk(t);
  write("0 1M", 1);
  await pool.backUp(volume, place, { id: "one" });
  write("0 1M", 2);
  const vanishing: BackupPlace = {
    ...place,
    take: (of, bytes, wish, fill) =>
      place.take(of, bytes, wish, async (target) => {
        await fill(target);
        renameSync(backups, `${backups}-away`);
      }),
  };
  await assert.rejects(pool.backUp(volume, vanishing, { id: "two", since: "one" }), {
    code: "backup_place_missing",
  });
  renameSync(`${backups}-away`, backups);
  const three = await pool.backUp(volume, place, { id: "three", since: "one" });
  assert.equal(three.since, "one");
  const restored = mint<VolumeId>();
  await pool.restoreBackup(restored, place, volume, "three");
  assert.doesNotMatch(read(restored, "0 1M", 2), /verification failed/);
  assert.deepEqual(
    readdirSync(join(backups, volume)).filter((name) => name.endsWith(".partial")),
    [],
  );
});

test("backups: one that lies on a missing one says which", async (t) => {
  const { pool, volume, place, backups } = await desk(t);
  await pool.backUp(volume, place, { id: "one" });
  await pool.backUp(volume, place, { id: "two", since: "one" });
  rmSync(join(backups, volume, "one.qcow2"));
  await assert.rejects(place.find(volume, "two"), { code: "backup_damaged", message: /one/ });
});

test("sources: what QEMU speaks to is told as it wants it, and nothing else is taken", () => {
  assert.deepEqual(sourceFromUrl("rbd://pool/disk%20one").blockdev, {
    driver: "raw",
    file: { driver: "rbd", pool: "pool", image: "disk one" },
  });
  assert.deepEqual(sourceFromUrl("nfs://[fd00::1]/export/a.qcow2", "qcow2").blockdev, {
    driver: "qcow2",
    file: { driver: "nfs", server: { type: "inet", host: "fd00::1" }, path: "/export/a.qcow2" },
  });
  assert.deepEqual(sourceFromUrl("iscsi://10.0.0.1:3260/iqn.2026-11.x:disk/3").blockdev.file, {
    ...{ driver: "iscsi", transport: "tcp", portal: "10.0.0.1:3260" },
    ...{ target: "iqn.2026-11.x:disk", lun: 3 },
  });
  for (const wrong of [
    ...["disk", "http://host/a", "file:///etc/passwd", "json:{}", "rbd://pool", "rbd://pool/a/b"],
    ...["nfs://host/", "nfs://host/a//b", "nfs://host/a%2F..%2F..", "nfs://me:secret@host/a"],
    ...["nfs://host/a?uid=0", "iscsi://host/disk/0", "iscsi://host/iqn.2026-11.x:d/x"],
    "iscsi://host/iqn.2026-11.x:d/-1",
  ])
    assert.throws(() => sourceFromUrl(wrong), { code: "block_source_invalid" }, wrong);
});

test("directory: what is written to an encrypted volume is in no file in the clear", async (t) => {
  const { pool, place, backups, directory, fileOf } = await desk(t);
  const volume = mint<VolumeId>();
  const key = "a-key-of-256-bits-that-nobody-guesses";
  const image = join(directory, "image.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "4M"]);
  pool.know(volume, key);
  await pool.make(volume, 8 * MiB, { is: "overlay", image: { file: image, format: "qcow2" } });
  const io = (file: string, secret: string, ...commands: readonly string[]) =>
    execFileSync("qemu-io", [
      ...["--object", `secret,id=k,data=${secret}`, "--image-opts"],
      `driver=qcow2,encrypt.format=luks,encrypt.key-secret=k,file.filename=${file}`,
      ...commands.flatMap((command) => ["-c", command]),
    ]).toString();
  io(fileOf(volume), key, "write -P 65 0 1M");
  await pool.snapshot(volume, "s");
  await pool.backUp(volume, place, { id: "b" });
  const copy = mint<VolumeId>();
  pool.know(copy, key);
  await pool.restoreBackup(copy, place, volume, "b");
  for (const file of [fileOf(volume), fileOf(copy)])
    assert.doesNotMatch(io(file, key, "read -P 65 0 1M", "read -P 0 1M 1M"), /failed/);
  const files = [fileOf(volume), fileOf(copy), join(backups, volume, "b.qcow2")];
  for (const file of files) {
    const bytes = readFileSync(file);
    assert.ok(!bytes.includes("A".repeat(64)), file);
    assert.ok(!bytes.includes(key), file);
  }
  assert.throws(() => io(fileOf(volume), "another", "read 0 1M"), /cannot unlock any keyslot/);
});
