/**
 * What every place for volumes promises, as tests. Run it on each implementation; see volumes.test.ts.
 *
 * What only some can do (cut a guest off, work under a running one) is a promise too: the others must refuse,
 * in the words that their abilities announce.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { VolumeId } from "@holdfast/kernel/ids";
import { encryptedContract } from "./contract-encrypted.ts";
import {
  blank,
  MiB,
  mint,
  namesOf,
  opener,
  type PoolRig,
  promises,
  viewOf,
} from "./contract-rig.ts";

export function volumesContract(name: string, makeRig: (t: TestContext) => Promise<PoolRig>): void {
  const promise = promises(name, makeRig);
  encryptedContract(promise);

  promise("a blank volume is as big as asked, and made once", async ({ pool, volume }) => {
    await Promise.all([pool.make(volume, 8 * MiB, blank), pool.make(volume, 8 * MiB, blank)]);
    await pool.make(volume, 16 * MiB, blank);
    assert.equal((await viewOf(pool, volume))?.virtualBytes, 8 * MiB);
    assert.deepEqual(await pool.check(volume), { is: "sound" });
  });

  promise("a volume on an image is at least as big, copied or not", async ({ rig, pool }) => {
    const image = await rig.image(4 * MiB);
    for (const is of ["overlay", "copy"] as const)
      for (const [asked, got] of [
        [MiB, 4 * MiB],
        [6 * MiB, 6 * MiB],
      ] as const) {
        const volume = mint<VolumeId>();
        await pool.make(volume, asked, { is, image });
        assert.equal((await viewOf(pool, volume))?.virtualBytes, got);
        assert.deepEqual(await pool.check(volume), { is: "sound" });
      }
  });

  promise("a volume on an image that is gone is refused", async ({ pool, volume }) => {
    const image = { file: "/nowhere/image", format: "qcow2" } as const;
    for (const is of ["overlay", "copy"] as const)
      await assert.rejects(pool.make(volume, MiB, { is, image }, opener()));
    assert.equal(await viewOf(pool, volume), undefined);
    assert.deepEqual(await pool.openers(volume), []);
  });

  promise("what is not there is said so, and may be removed", async ({ rig, pool, volume }) => {
    const absent = { code: "volume_not_found", kind: "not_found" };
    await assert.rejects(pool.open(volume, opener()), absent);
    await assert.rejects(pool.resize(volume, MiB), absent);
    await assert.rejects(pool.snapshot(volume, "s"), absent);
    await assert.rejects(pool.snapshots(volume), absent);
    await assert.rejects(pool.restore(mint(), volume, "s"), absent);
    await assert.rejects(pool.backUp(volume, rig.place, { id: "b" }), absent);
    assert.deepEqual(await pool.check(volume), { is: "missing" });
    await pool.release(volume, opener());
    await pool.remove(volume);
  });

  promise("an opened volume is told, and is its opener's alone", async ({ rig, pool, volume }) => {
    await pool.make(volume, MiB, blank);
    const [first, other] = [opener(2), opener(9)];
    const { source } = await pool.open(volume, first);
    assert.equal(source.isShared, pool.abilities.isShared);
    assert.deepEqual((await pool.open(volume, first)).source, source);
    assert.deepEqual((await viewOf(pool, volume))?.openedBy, first);
    await assert.rejects(pool.open(volume, other), { code: "volume_in_use" });
    await assert.rejects(pool.open(volume, { ...first, generation: 1 }), {
      code: "volume_claimed",
    });
    await assert.rejects(pool.remove(volume), { code: "volume_in_use" });
    pool.close();
    const next = await rig.open();
    await next.tend();
    assert.deepEqual((await viewOf(next, volume))?.openedBy, first);
    assert.deepEqual((await next.open(volume, first)).source, source);
    await next.release(volume, other);
    assert.deepEqual((await viewOf(next, volume))?.openedBy, first);
    await next.release(volume, first);
    assert.equal((await viewOf(next, volume))?.openedBy, undefined);
    await next.open(volume, other);
    await next.release(volume, other);
    await next.remove(volume);
    await next.remove(volume);
    assert.equal(await viewOf(next, volume), undefined);
    next.close();
  });

  promise(
    "one that is made for somebody is theirs to open, and nobody else's then",
    async (desk) => {
      const { pool, volume } = desk;
      const [first, other] = [opener(2), opener(9)];
      await pool.make(volume, MiB, blank, first);
      await pool.open(volume, first);
      await assert.rejects(pool.open(volume, other), { code: "volume_in_use" });
      await pool.release(volume, first);
      assert.equal((await viewOf(pool, volume))?.openedBy, undefined);
      await pool.make(volume, MiB, blank, other);
      await pool.open(volume, other);
      await pool.release(volume, other);
      await pool.make(volume, MiB, blank, first);
      await pool.release(volume, first); // It was given up in between.
      await pool.open(volume, first);
      assert.deepEqual((await viewOf(pool, volume))?.openedBy, first);
      await pool.release(volume, first);
      await pool.open(volume, other);
      await pool.release(volume, other);
      await pool.remove(volume);
      assert.deepEqual(await pool.check(volume), { is: "missing" });
    },
  );

  promise("a younger generation may come while the older is there, and stays", async (desk) => {
    const { pool, volume } = desk;
    await pool.make(volume, MiB, blank);
    const older = opener(1);
    const younger = { ...older, generation: 2 };
    await pool.open(volume, older);
    await pool.open(volume, younger);
    await pool.release(volume, older);
    assert.deepEqual((await viewOf(pool, volume))?.openedBy, younger);
    await pool.release(volume, younger);
    assert.equal((await viewOf(pool, volume))?.openedBy, undefined);
  });

  promise("a generation that was cut off never comes back", async ({ rig, pool, volume }) => {
    await pool.make(volume, MiB, blank);
    const cut = opener(3);
    await pool.open(volume, cut);
    if (!pool.abilities.canRevoke) {
      await assert.rejects(pool.revoke(volume, cut), { code: "cannot_revoke" });
      return pool.release(volume, cut);
    }
    await pool.revoke(volume, cut);
    await pool.revoke(volume, cut);
    assert.equal((await viewOf(pool, volume))?.openedBy, undefined);
    pool.close();
    const next = await rig.open();
    await next.tend();
    for (const generation of [3, 2])
      await assert.rejects(next.open(volume, { ...cut, generation }), {
        code: "generation_revoked",
      });
    await next.open(volume, { ...cut, generation: 4 });
    await next.release(volume, { ...cut, generation: 4 });
    next.close();
  });

  promise("a volume grows and never shrinks", async ({ pool, volume }) => {
    await pool.make(volume, 2 * MiB, blank);
    for (const bytes of [4 * MiB, 4 * MiB, MiB]) await pool.resize(volume, bytes);
    assert.equal((await viewOf(pool, volume))?.virtualBytes, 4 * MiB);
  });

  promise("snapshots come and go by name, twice as well as once", async ({ pool, volume }) => {
    await pool.make(volume, MiB, blank);
    for (const each of ["monday", "tuesday", "monday"]) await pool.snapshot(volume, each);
    assert.deepEqual(await namesOf(pool, volume), ["monday", "tuesday"]);
    for (let i = 0; i < 2; i++) await pool.removeSnapshot(volume, "monday");
    assert.deepEqual(await namesOf(pool, volume), ["tuesday"]);
    await assert.rejects(pool.snapshot(volume, "../x"), { code: "bad_storage_name" });
  });

  promise("a snapshot becomes a volume of its own", async ({ rig, pool, volume }) => {
    const image = await rig.image(2 * MiB);
    await pool.make(volume, 4 * MiB, { is: "overlay", image });
    await pool.snapshot(volume, "monday");
    const copy = mint<VolumeId>();
    for (let i = 0; i < 2; i++) await pool.restore(copy, volume, "monday");
    assert.equal((await viewOf(pool, copy))?.virtualBytes, 4 * MiB);
    assert.deepEqual(await pool.snapshots(copy), []);
    await assert.rejects(pool.restore(mint(), volume, "sunday"), { code: "snapshot_not_found" });
    await pool.remove(volume);
    assert.deepEqual(await pool.check(copy), { is: "sound" });
  });

  promise("a snapshot is copied into a bigger volume", async ({ rig, pool, volume }) => {
    await pool.make(volume, 4 * MiB, { is: "overlay", image: await rig.image(2 * MiB) });
    await pool.snapshot(volume, "monday");
    const [same, bigger] = [mint<VolumeId>(), mint<VolumeId>()];
    for (let i = 0; i < 2; i++) await pool.copy(same, volume, "monday", MiB);
    for (let i = 0; i < 2; i++) await pool.copy(bigger, volume, "monday", 8 * MiB);
    assert.equal((await viewOf(pool, same))?.virtualBytes, 4 * MiB);
    assert.equal((await viewOf(pool, bigger))?.virtualBytes, 8 * MiB);
    await assert.rejects(pool.copy(mint(), volume, "sunday", MiB), { code: "snapshot_not_found" });
    await pool.remove(volume);
    await rig.forgetImages();
    for (const copy of [same, bigger]) assert.deepEqual(await pool.check(copy), { is: "sound" });
  });

  promise("a snapshot becomes an image that needs nothing else", async ({ rig, pool, volume }) => {
    await pool.make(volume, 4 * MiB, { is: "overlay", image: await rig.image(2 * MiB) });
    await pool.snapshot(volume, "monday");
    const image = { file: await rig.newFile(), format: "qcow2" } as const;
    for (let i = 0; i < 2; i++) await pool.extract(volume, "monday", image.file);
    await rig.forgetImages();
    const upon = mint<VolumeId>();
    await pool.make(upon, 0, { is: "copy", image });
    assert.equal((await viewOf(pool, upon))?.virtualBytes, 4 * MiB);
    assert.deepEqual(await pool.check(upon), { is: "sound" });
    await assert.rejects(pool.extract(volume, "sunday", image.file), {
      code: "snapshot_not_found",
    });
  });

  promise(
    "what is done under a running guest is done, or refused",
    async ({ rig, pool, volume }) => {
      await pool.make(volume, 2 * MiB, blank);
      const guest = opener();
      const { source } = await pool.open(volume, guest);
      const release = await rig.use(volume, source);
      const works = [
        () => pool.resize(volume, 4 * MiB),
        () => pool.snapshot(volume, "monday"),
        () => pool.backUp(volume, rig.place, { id: "first" }),
        () => pool.removeSnapshot(volume, "monday"),
      ];
      for (const work of works)
        if (pool.abilities.isLive) await work();
        else if (work !== works.at(-1)) await assert.rejects(work(), { code: "volume_in_use" });
      assert.deepEqual((await pool.open(volume, guest)).source, source, "it is still the guest's");
      const bytes = (pool.abilities.isLive ? 4 : 2) * MiB;
      assert.equal((await viewOf(pool, volume))?.virtualBytes, bytes);
      assert.deepEqual(await pool.snapshots(volume), []);
      await release();
      await pool.release(volume, guest);
    },
  );

  promise("backups build on one another and are found again", async ({ rig, pool, volume }) => {
    const { place } = rig;
    await pool.make(volume, 2 * MiB, { is: "overlay", image: await rig.image(MiB) });
    const full = await pool.backUp(volume, place, { id: "one" });
    assert.equal(full.since, undefined);
    assert.equal(full.virtualBytes, 2 * MiB);
    const second = await pool.backUp(volume, place, { id: "two", since: "one" });
    assert.equal(second.since, "one");
    const again = await pool.backUp(volume, place, { id: "two", since: "one" });
    assert.deepEqual(again, second);
    await pool.backUp(volume, place, { id: "three", since: "two" });
    const ids = async () => (await place.list(volume)).map(({ id, since }) => [id, since]);
    assert.deepEqual(await ids(), [
      ["one", undefined],
      ["two", "one"],
      ["three", "two"],
    ]);
    await place.remove(volume, "two");
    await place.remove(volume, "two");
    assert.deepEqual(await ids(), [
      ["one", undefined],
      ["three", "one"],
    ]);
    await place.remove(volume, "one");
    assert.deepEqual(await ids(), [["three", undefined]]);
    assert.deepEqual(await place.check(volume, "three"), { is: "sound" });
    const restored = mint<VolumeId>();
    for (let i = 0; i < 2; i++) await pool.restoreBackup(restored, place, volume, "three");
    assert.equal((await viewOf(pool, restored))?.virtualBytes, 2 * MiB);
    assert.deepEqual(await pool.check(restored), { is: "sound" });
    await assert.rejects(pool.restoreBackup(mint(), place, volume, "two"), {
      code: "backup_not_found",
    });
  });

  promise("an increment that cannot be is a full backup", async ({ rig, pool, volume }) => {
    await pool.make(volume, MiB, blank);
    const made = await pool.backUp(volume, rig.place, { id: "two", since: "never-made" });
    assert.equal(made.since, undefined);
    await pool.backUp(volume, rig.place, { id: "three", since: "two" });
    const stale = await pool.backUp(volume, rig.place, { id: "four", since: "three" });
    assert.equal(stale.since, "three");
  });

  promise("a place for backups that vanishes is said so, and keeps what it had", async (desk) => {
    const { rig, pool, volume } = desk;
    await pool.make(volume, MiB, blank);
    await pool.backUp(volume, rig.place, { id: "one" });
    await rig.isThere(false);
    const gone = { code: "backup_place_missing" };
    await assert.rejects(pool.backUp(volume, rig.place, { id: "two", since: "one" }), gone);
    await assert.rejects(rig.place.list(volume), gone);
    await assert.rejects(pool.restoreBackup(mint(), rig.place, volume, "one"), gone);
    await rig.isThere(true);
    const two = await pool.backUp(volume, rig.place, { id: "two", since: "one" });
    assert.equal(two.since, "one", "nothing was lost by the attempt");
  });

  promise("a full pool refuses, leaves nothing, and works again with room", async (desk) => {
    const { rig, pool, volume } = desk;
    await pool.make(volume, 64 * MiB, blank);
    await rig.fill(true);
    await assert.rejects(pool.snapshot(volume, "monday"), { code: "store_full" });
    await assert.rejects(pool.make(mint(), 64 * MiB, blank), { code: "store_full" });
    await rig.fill(false);
    assert.deepEqual(await pool.check(volume), { is: "sound" });
    assert.deepEqual(await pool.snapshots(volume), []);
    await pool.snapshot(volume, "monday");
    assert.deepEqual(await namesOf(pool, volume), ["monday"]);
  });

  promise("a volume that was cut is found by checking, open or not", async (desk) => {
    const { rig, pool, volume } = desk;
    await pool.make(volume, 4 * MiB, { is: "copy", image: await rig.image(4 * MiB) });
    assert.deepEqual(await pool.check(volume), { is: "sound" });
    const guest = opener();
    await pool.open(volume, guest);
    assert.deepEqual(await pool.check(volume), { is: "sound" });
    await rig.cut(volume);
    const found = await pool.check(volume);
    assert.ok(found.is === "damaged" && /cut/.test(found.why), JSON.stringify(found));
    await pool.release(volume, guest).catch(() => {});
    assert.equal((await pool.check(volume)).is, "damaged");
  });

  promise("a pool says how much it has, and how fast it is", async ({ pool, volume }) => {
    await pool.make(volume, MiB, blank);
    const { totalBytes, freeBytes, volumes } = await pool.measure();
    assert.ok(totalBytes >= freeBytes && freeBytes > 0);
    assert.ok(Number(volumes[0]?.usedBytes) > 0);
    const { iops, bytesPerSecond } = await pool.measureSpeed();
    assert.ok(iops > 0 && bytesPerSecond > 4_096);
  });
}
