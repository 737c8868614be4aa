/**
 * What every hypervisor promises about the disks of running machines, as tests.
 *
 * A machine with nothing to boot from will do for most of it, and is at the same time the guest that never
 * lets go of a disk: there is nobody in it who could.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { milliseconds, minutes } from "@holdfast/kernel/time";
import { hotSlots } from "./block-nodes.ts";
import { type Desk, type HypervisorRig, promises, specOf } from "./contract.ts";
import type { AttachedDisk, Disk } from "./driver.ts";

/** Beside what every host has: a place where disks are made. */
export interface BlockRig extends HypervisorRig {
  makeDisk(id: string, bytes: number): Promise<Disk>;
  /** An empty file for a backup of a disk of that size, upon an earlier one if that is named. */
  makeBackup(name: string, bytes: number, upon?: string): Promise<string>;
  /** Whether nothing more fits where disks and backups are. */
  fill(isFull: boolean): Promise<void>;
}

const MiB = 1 << 20;
const atOnce = { acpi: milliseconds(0), terminate: milliseconds(0), kill: minutes(1) };

export function blockContract(name: string, makeRig: (t: TestContext) => Promise<BlockRig>): void {
  const rigs = new Map<HypervisorRig, BlockRig>();
  const promise = (what: string, body: (desk: Desk, rig: BlockRig) => Promise<void>) =>
    promises(name, async (t) => {
      const rig = await makeRig(t);
      rigs.set(rig, rig);
      return rig;
    })(what, async (desk) => {
      const rig = rigs.get(desk.rig);
      assert.ok(rig);
      await body(desk, rig);
    });
  const only = async (desk: Desk): Promise<AttachedDisk> => {
    const [disk, ...others] = await desk.driver.disks(desk.spec);
    assert.ok(disk);
    assert.deepEqual(others, []);
    return disk;
  };

  promise("a disk attached twice is attached once, and known to a later agent", async (d, rig) => {
    await d.driver.start(d.spec);
    assert.deepEqual(await d.driver.disks(d.spec), []);
    const disk = { ...(await rig.makeDisk("data", 8 * MiB)), limits: { iops: 100 } };
    await Promise.all([d.driver.attachDisk(d.spec, disk), d.driver.attachDisk(d.spec, disk)]);
    const seen = {
      ...{ id: "data", bytes: 8 * MiB, readOnly: false, limits: { iops: 100 } },
      ...{ snapshots: [], points: [] },
    };
    assert.deepEqual(await only(d), seen);
    await d.restart();
    await d.driver.adopt();
    assert.deepEqual(await only(d), seen);
    await d.driver.attachDisk(d.spec, disk);
    assert.deepEqual(await only(d), seen);
  });

  promise("a disk that another machine uses is refused and leaves nothing", async (d, rig) => {
    const disk = await rig.makeDisk("data", MiB);
    const other = specOf();
    await d.driver.start({ ...other, disks: [disk] });
    await d.driver.start(d.spec);
    await assert.rejects(d.driver.attachDisk(d.spec, disk), { code: "disk_in_use" });
    assert.deepEqual(await d.driver.disks(d.spec), []);
    await d.driver.stop(other, atOnce);
    await d.driver.attachDisk(d.spec, disk);
    assert.equal((await only(d)).id, "data");
  });

  promise("a machine has so many slots, and the disk too many leaves nothing", async (d, rig) => {
    await d.driver.start(d.spec);
    for (let i = 0; i < hotSlots; i++)
      await d.driver.attachDisk(d.spec, await rig.makeDisk(`data-${i}`, MiB));
    const last = await rig.makeDisk("last", MiB);
    await assert.rejects(d.driver.attachDisk(d.spec, last), { code: "no_free_slot" });
    assert.equal((await d.driver.disks(d.spec)).length, hotSlots);
    const bad = { ...last, id: "Not A Name" };
    await assert.rejects(d.driver.attachDisk(d.spec, bad), { code: "bad_disk_id" });
  });

  promise("a guest that does not let go of a disk keeps it, and it works", async (d, rig) => {
    await d.driver.start(d.spec);
    await d.driver.attachDisk(d.spec, await rig.makeDisk("data", MiB));
    const ask = () => d.driver.detachDisk(d.spec, "data", milliseconds(50));
    await assert.rejects(ask(), { code: "detach_refused", kind: "conflict" });
    await assert.rejects(ask(), { code: "detach_refused" });
    assert.equal((await only(d)).id, "data");
    await d.driver.resizeDisk(d.spec, "data", 2 * MiB);
    assert.equal((await only(d)).bytes, 2 * MiB);
    assert.deepEqual(d.said(), ["running"]);
  });

  promise("a guest that lets go of a disk can have it again", async (d, rig) => {
    const spec = { ...d.spec, boot: d.rig.guest };
    const [root, data] = [await rig.makeDisk("root", MiB), await rig.makeDisk("data", MiB)];
    await d.driver.start({ ...spec, disks: [root] });
    await d.hear("ready");
    for (let round = 1; round <= 2; round++) {
      await d.driver.attachDisk(spec, data);
      await d.driver.detachDisk(spec, "data", minutes(1));
      assert.equal((await d.hear("detached", round)).disk, "data");
      assert.equal((await only(d)).id, "root");
    }
    await d.driver.detachDisk(spec, "data", minutes(1));
  });

  promise("a disk grows and never shrinks", async (d, rig) => {
    await d.driver.start({ ...d.spec, disks: [await rig.makeDisk("root", 2 * MiB)] });
    for (const [wanted, is] of [
      [4, 4],
      [4, 4],
      [1, 4],
    ]) {
      await d.driver.resizeDisk(d.spec, "root", Number(wanted) * MiB);
      assert.equal((await only(d)).bytes, Number(is) * MiB);
    }
  });

  promise("limits are set while it runs, and taken away again", async (d, rig) => {
    const limits = { iops: 500, bytesPerSecond: 10 * MiB };
    await d.driver.start({ ...d.spec, disks: [await rig.makeDisk("root", MiB)] });
    assert.deepEqual((await only(d)).limits, {});
    for (const set of [limits, { iops: 7 }, {}]) {
      await d.driver.setDiskLimits(d.spec, "root", set);
      assert.deepEqual((await only(d)).limits, set);
    }
  });

  promise("snapshots of several disks have one name, and twice is once", async (d, rig) => {
    const disks = [await rig.makeDisk("root", MiB), await rig.makeDisk("data", MiB)];
    await d.driver.start({ ...d.spec, disks });
    await d.driver.snapshotDisks(d.spec, ["root"], "monday");
    for (let i = 0; i < 2; i++) await d.driver.snapshotDisks(d.spec, ["root", "data"], "monday");
    await d.driver.snapshotDisks(d.spec, ["root", "data"], "tuesday");
    const names = async () => (await d.driver.disks(d.spec)).map(({ snapshots }) => snapshots);
    const both = ["monday", "tuesday"];
    assert.deepEqual(await names(), [both, both]);
    for (let i = 0; i < 2; i++) await d.driver.removeDiskSnapshot(d.spec, "data", "monday");
    assert.deepEqual(await names(), [both, ["tuesday"]]);
  });

  promise(
    "a backup builds on the one before, and only where nothing was missed",
    async (d, rig) => {
      const bytes = 4 * MiB;
      await d.driver.start({ ...d.spec, disks: [await rig.makeDisk("root", bytes)] });
      const make = async (point: string, since?: string, upon?: string) => {
        const file = await rig.makeBackup(point, bytes, upon);
        await d.driver.backupDisk(d.spec, "root", { file, point, ...(since ? { since } : {}) });
        return file;
      };
      await assert.rejects(make("p.2", "p.1"), { code: "backup_point_missing" });
      const full = await make("p.1");
      await make("q.1");
      const second = await make("p.2", "p.1", full);
      assert.deepEqual((await only(d)).points.toSorted(), ["p.1", "p.2", "q.1"]);
      await d.restart();
      await d.driver.adopt();
      await make("p.2", "p.1", full); // Whoever asked did not hear that it was done.
      await make("p.3", "p.2", second);
      assert.deepEqual((await only(d)).points.toSorted(), ["p.2", "p.3", "q.1"]);
    },
  );

  promise("where nothing fits there is no snapshot and no backup, of any disk", async (d, rig) => {
    const disks = [await rig.makeDisk("root", MiB), await rig.makeDisk("data", MiB)];
    await d.driver.start({ ...d.spec, disks });
    const file = await rig.makeBackup("p.1", MiB);
    const snapshot = () => d.driver.snapshotDisks(d.spec, ["root", "data"], "monday");
    const backup = () => d.driver.backupDisk(d.spec, "root", { file, point: "p.1" });
    const kept = async () =>
      (await d.driver.disks(d.spec)).map(({ snapshots, points }) => [snapshots, points]);
    await rig.fill(true);
    await assert.rejects(snapshot(), { code: "host_disk_full" });
    await assert.rejects(backup(), { code: "backup_target_full" });
    assert.deepEqual(await kept(), [
      [[], []],
      [[], []],
    ]);
    await rig.fill(false);
    await snapshot();
    await backup();
    assert.deepEqual(await kept(), [
      [["monday"], ["p.1"]],
      [["monday"], []],
    ]);
    assert.deepEqual(d.said(), ["running"]);
  });

  promise("a disk that is not there is named, and so is a machine that does not run", async (d) => {
    const file = await rigFile(d, rigs);
    const all = [
      () => d.driver.resizeDisk(d.spec, "data", MiB),
      () => d.driver.setDiskLimits(d.spec, "data", {}),
      () => d.driver.snapshotDisks(d.spec, ["data"], "monday"),
      () => d.driver.removeDiskSnapshot(d.spec, "data", "monday"),
      () => d.driver.backupDisk(d.spec, "data", { file, point: "p.1" }),
    ];
    for (const call of all) await assert.rejects(call, { code: "not_running" });
    await assert.rejects(d.driver.disks(d.spec), { code: "not_running" });
    await d.driver.start(d.spec);
    for (const call of all) await assert.rejects(call, { code: "disk_not_attached" });
    await d.driver.detachDisk(d.spec, "data", milliseconds(1));
  });

  promise(
    "a guest with no agent of its own is not frozen, and may be thawed all the same",
    async (d) => {
      await d.driver.start(d.spec);
      assert.equal(await d.driver.freeze(d.spec, milliseconds(1_000)), false);
      await d.driver.thaw(d.spec);
      assert.deepEqual(d.said(), ["running"]);
    },
  );

  promise("a guest paused for a while goes on by itself", async (d) => {
    await d.driver.start(d.spec);
    await d.driver.pause(d.spec, milliseconds(20));
    await d.hear("resumed");
    assert.deepEqual(d.said(), ["running", "paused", "resumed"]);
  });

  promise("a guest paused for a while goes on although its agent died meanwhile", async (d) => {
    await d.driver.start(d.spec);
    await d.driver.pause(d.spec, milliseconds(200));
    await d.restart();
    await d.driver.adopt();
    await d.hear("resumed");
  });

  promise("a pause for good is not ended by one that was for a while", async (d) => {
    await d.driver.start(d.spec);
    await d.driver.pause(d.spec);
    await d.driver.pause(d.spec, milliseconds(1));
    await d.driver.resume(d.spec);
    await d.driver.pause(d.spec, milliseconds(20));
    await d.driver.pause(d.spec);
    const other = specOf();
    await d.driver.start(other); // Takes longer than the pause would have.
    await d.driver.pause(other, milliseconds(30));
    while (!d.heard.some(({ id, what }) => id === other.id && what === "resumed"))
      await d.rig.aMoment();
    const [view] = d.driver.list(d.spec.id);
    assert.ok(view?.is === "running" && view.guest === "paused");
  });
}

const rigFile = async (d: Desk, rigs: ReadonlyMap<HypervisorRig, BlockRig>) =>
  (await rigs.get(d.rig)?.makeBackup("p.1", MiB)) ?? "";
