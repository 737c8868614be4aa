/** One guest, and everything that can be done to its disks while it uses them: seen from inside of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { directoryBackups, prepareBackups } from "../volumes/backups.ts";
import { directoryPool } from "../volumes/directory.ts";
import { diskIdOf } from "../volumes/driver.ts";
import { nbdPool } from "../volumes/nbd.ts";
import { listen, specOf } from "./contract.ts";
import type { Hypervisor, MachineEvent, MachineRef } from "./driver.ts";
import { fixtureHost, wallClock } from "./fixture-host.ts";

const MiB = 1 << 20;
const none = milliseconds(0);
let minted = 0;
const mint = <Id>() => uuidV7(2, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.

test("qemu: a guest's disks are copied, grow, slow down, come, and are cut off under it", async (t) => {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const root = makeRoot(t);
  const runDir = join(root, "run");
  const local = await directoryPool({
    ...{ directory: join(root, "local"), host: "h1", isShared: false, runDir },
  });
  const nbd = await nbdPool({ directory: join(root, "nbd"), host: "h1", runDir });
  t.after(() => nbd.close());
  const backups = join(root, "backups");
  mkdirSync(backups);
  await prepareBackups(backups, "place");
  const place = directoryBackups(backups, wallClock);

  const spec = specOf();
  const opener = { instance: spec.id as InstanceId, generation: spec.generation };
  const [volume, far] = [mint<VolumeId>(), mint<VolumeId>()];
  const id = diskIdOf(volume);
  await local.make(volume, 64 * MiB, { is: "blank" });
  await nbd.make(far, 8 * MiB, { is: "blank" });
  const { source } = await local.open(volume, opener);

  const driver = host.open();
  const heard = ear(driver);
  try {
    const disks = [{ id, source, readOnly: false }];
    await driver.start({ ...spec, boot: host.guest, disks });
    await heard("ready");
    const shell = await shellOf(driver, spec);
    const backUp = (name: string, since?: string) =>
      place.take(volume, 64 * MiB, { id: name, ...(since ? { since } : {}) }, (target) =>
        driver.backupDisk(spec, id, target),
      );
    const assertSame = async (copy: VolumeId) => {
      const files = [volume, copy].map((each) => join(root, "local", `${each}.qcow2`));
      const said = execFileSync("qemu-img", ["compare", "-U", ...files], { encoding: "utf8" });
      assert.match(said, /identical/);
    };

    // A backup, and one of what has changed since: also of what has become nothing.
    await shell("dd if=/dev/urandom of=/dev/vda bs=1M count=4 conv=fsync");
    const full = await backUp("one");
    await shell("dd if=/dev/urandom of=/dev/vda bs=1M count=1 seek=1 conv=notrunc,fsync");
    await shell("dd if=/dev/zero of=/dev/vda bs=1M count=1 seek=2 conv=notrunc,fsync");
    const increment = await backUp("two", "one");
    assert.equal(increment.since, "one");
    assert.ok(increment.usedBytes < full.usedBytes, `${increment.usedBytes} of ${full.usedBytes}`);
    const restored = mint<VolumeId>();
    await local.restoreBackup(restored, place, volume, "two");
    await assertSame(restored);

    // A snapshot under the running guest is the guest's QEMU's to take, and anybody's to restore.
    await assert.rejects(local.snapshot(volume, "now"), { code: "volume_in_use" });
    await driver.snapshotDisks(spec, [id], "now");
    const copy = mint<VolumeId>();
    await local.restore(copy, volume, "now");
    await assertSame(copy);
    await driver.removeDiskSnapshot(spec, id, "now");
    assert.deepEqual(await local.check(volume), { is: "sound" });

    await driver.resizeDisk(spec, id, 128 * MiB);
    await shell(`until [ $(cat /sys/block/vda/size) = ${(128 * MiB) / 512} ]; do sleep 0.1; done`);

    await driver.setDiskLimits(spec, id, { iops: 20 });
    const begun = performance.now();
    await shell("dd if=/dev/vda of=/dev/null bs=4k count=40 iflag=direct");
    const took = performance.now() - begun;
    assert.ok(took > 1_000, `40 reads at 20 each second took ${took} ms`);
    await driver.setDiskLimits(spec, id, {});

    // A disk over the network comes, grows, and is cut off; the guest is frozen and nothing is lost.
    const disk = { id: diskIdOf(far), ...(await nbd.open(far, opener)), readOnly: false };
    await driver.attachDisk(spec, disk);
    await shell("until [ -b /dev/vdb ]; do sleep 0.1; done");
    await shell("dd if=/dev/urandom of=/dev/vdb bs=1M count=2 conv=fsync");
    await nbd.resize(far, 16 * MiB);
    await driver.resizeDisk(spec, disk.id, 16 * MiB);
    await shell(`until [ $(cat /sys/block/vdb/size) = ${(16 * MiB) / 512} ]; do sleep 0.1; done`);
    await shell("dd if=/dev/urandom of=/dev/vdb bs=1M count=1 seek=15 conv=notrunc,fsync");
    const cut = performance.now();
    await nbd.revoke(far, opener);
    t.diagnostic(`cut off in ${(performance.now() - cut).toFixed(0)} ms`);
    void shell("dd if=/dev/zero of=/dev/vdb bs=4k count=1 oflag=direct");
    const { detail } = await heard("io-error");
    assert.match(detail, new RegExp(disk.id));
    await driver.stop(spec, { acpi: none, terminate: none, kill: seconds(20) });
    await driver.forget(spec);
    await local.release(volume, opener);
    assert.deepEqual(await local.check(volume), { is: "sound" });
    await nbd.tend();
  } finally {
    await driver.close();
    const cleaner = host.open();
    for (const view of await cleaner.adopt()) {
      if (view.is === "running")
        await cleaner.stop(view, { acpi: none, terminate: none, kill: minutes(1) });
      await cleaner.forget(view);
    }
    await cleaner.close();
    await nbd.release(far, opener);
  }
  assert.deepEqual(await host.leftovers(), []);
});

function makeRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "hf-disks-"));
  chmodSync(root, 0o711);
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

type Told<W> = Extract<MachineEvent, { what: W }>;

function ear(driver: Hypervisor) {
  const heard: MachineEvent[] = [];
  let wake = () => {};
  driver.onEvent((event) => {
    heard.push(event);
    wake();
  });
  return async <W extends MachineEvent["what"]>(what: W): Promise<Told<W>> => {
    for (;;) {
      const found = heard.find((event): event is Told<W> => event.what === what);
      if (found) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

/** Types a line and waits until it has been carried out. */
async function shellOf(driver: Hypervisor, ref: MachineRef) {
  const console = await listen(driver, ref);
  let count = 0;
  return async (line: string): Promise<void> => {
    const word = `over-${++count}`;
    console.type(`${line} 2>/dev/null; echo ov''er-${count}\n`);
    await console.hear(new RegExp(`^${word}\r`, "m"));
  };
}
