/** Encrypted disks in front of a real guest: what it writes is in no file in the clear, and no process shows a key. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import { milliseconds, minutes } from "@holdfast/kernel/time";
import { directoryBackups, prepareBackups } from "../volumes/backups.ts";
import { directoryPool } from "../volumes/directory.ts";
import { diskIdOf } from "../volumes/driver.ts";
import { listen, specOf } from "./contract.ts";
import { fixtureHost, wallClock } from "./fixture-host.ts";

const MiB = 1 << 20;
const none = milliseconds(0);
const key = "a-key-of-256-bits-that-nobody-else-has-thought-of";
/** Sixteen times the word that the guest writes. */
const plaintext = "plaintext".repeat(16);
let minted = 0;
const mint = <Id>() => uuidV7(4, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.

test("qemu: encrypted disks are opened at the launch and while it runs, with their keys alone", async (t) => {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const root = mkdtempSync(join(tmpdir(), "hf-locked-"));
  chmodSync(root, 0o711);
  t.after(() => rmSync(root, { recursive: true }));
  const directory = join(root, "volumes");
  const open = () =>
    directoryPool({ directory, host: "h1", isShared: false, runDir: join(root, "run") });
  const pool = await open();
  mkdirSync(join(root, "backups"));
  await prepareBackups(join(root, "backups"), "place");
  const place = directoryBackups(join(root, "backups"), wallClock);
  const spec = specOf();
  const opener = { instance: spec.id as InstanceId, generation: spec.generation };
  const diskOf = async (volume: VolumeId) => ({
    ...{ id: diskIdOf(volume), source: (await pool.open(volume, opener)).source },
    readOnly: false,
  });
  const [first, second, plain] = [mint<VolumeId>(), mint<VolumeId>(), mint<VolumeId>()];
  for (const volume of [first, second]) pool.know(volume, key);
  for (const volume of [first, second, plain]) await pool.make(volume, 16 * MiB, { is: "blank" });
  const [one, two, three] = [await diskOf(first), await diskOf(second), await diskOf(plain)];

  const driver = host.open();
  try {
    const wrong = { ...specOf(), boot: host.guest };
    for (const disk of [{ ...one, key: "another" }, one, { ...three, key }])
      await assert.rejects(
        driver.start({ ...wrong, generation: ++wrong.generation, disks: [disk] }),
        {
          code: "volume_key_wrong",
        },
      );
    for (let { generation } = wrong; generation > spec.generation; generation--)
      await driver.forget({ ...wrong, generation });

    await driver.start({ ...spec, boot: host.guest, disks: [{ ...one, key }] });
    const console = await listen(driver, spec);
    await console.hear(/holdfast: ready/);
    let count = 0;
    const shell = async (line: string) => {
      console.type(`${line}; echo ov''er-${++count}\n`);
      await console.hear(new RegExp(`^over-${count}\r`, "m"));
    };
    const write =
      "until [ -b $d ]; do sleep 0.1; done; yes plaintext | tr -d '\\n' | dd of=$d bs=64k count=8 conv=fsync";
    await shell(`d=/dev/vda; ${write}`);
    for (const disk of [{ ...two, key: "another" }, two, { ...three, key }])
      await assert.rejects(driver.attachDisk(spec, disk), { code: "volume_key_wrong" });
    await driver.attachDisk(spec, { ...two, key });
    await shell(`d=/dev/vdb; ${write}`);
    place.know(second, key);
    await place.take(second, 16 * MiB, { id: "b" }, (target) =>
      driver.backupDisk(spec, two.id, target),
    );
    await driver.resizeDisk(spec, two.id, 32 * MiB);
    await driver.snapshotDisks(spec, [one.id, two.id], "s");
    await shell("until [ $(cat /sys/block/vdb/size) = 65536 ]; do sleep 0.1; done");

    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      assert.ok(!shown(pid).includes(key), shown(pid));
    await driver.stop(spec, { acpi: none, terminate: none, kill: minutes(1) });
    await driver.forget(spec);
    for (const volume of [first, second]) await pool.release(volume, opener);
    const copy = mint<VolumeId>();
    pool.know(copy, key);
    await pool.restoreBackup(copy, place, second, "b");
    for (const volume of [first, second, copy])
      assert.deepEqual(await pool.check(volume), { is: "sound" });
    const files = readdirSync(root, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile())) {
      const bytes = readFileSync(join(file.path, file.name));
      assert.ok(!bytes.includes(plaintext) && !bytes.includes(key), file.name);
    }
    assert.deepEqual(
      readdirSync("/dev/shm").filter((name) => name.startsWith("holdfast-key-")),
      [],
    );
  } finally {
    for (const view of await driver.adopt()) {
      if (view.is === "running")
        await driver.stop(view, { acpi: none, terminate: none, kill: minutes(1) });
      await driver.forget(view);
    }
    await driver.close();
  }
  assert.deepEqual(await host.leftovers(), []);
});

/** A command line and an environment, of a process that may be gone by now. */
function shown(pid: string): string {
  if (pid === `${process.pid}`) return "";
  try {
    return (
      readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8")
    );
  } catch {
    return "";
  }
}
