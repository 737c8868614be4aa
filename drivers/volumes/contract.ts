/**
 * What every place for volumes promises, as tests. Run it on each implementation; see volumes.test.ts.
 *
 * What only some can do (cut a guest off, work under a running one) is a promise too: the others must refuse,
 * in the words that their abilities announce.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { BlockSource } from "@holdfast/kernel/block";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import type { BackupPlace, ImageFile, VolumePool } from "./driver.ts";

export interface PoolRig {
  /**
   * Attaches to the same storage, as a restarted agent would, when the pool before it is closed. What was opened
   * stays open.
   */
  open(): Promise<VolumePool>;
  /** An image of that many bytes, with something in it. */
  image(bytes: number): Promise<ImageFile>;
  /** Where nothing is yet, for an image. */
  newFile(): Promise<string>;
  /** Every image that `image` has made is gone. */
  forgetImages(): Promise<void>;
  /** Opens it as a guest does; resolves with what lets go of it. */
  use(volume: VolumeId, source: BlockSource): Promise<() => Promise<void>>;
  /** A place for backups that can be taken away, and put back. */
  readonly place: BackupPlace;
  /** The same as an agent that has begun anew has it. */
  otherPlace(): BackupPlace;
  isThere(isThere: boolean): Promise<void>;
  /** Leaves so little room that nothing more fits, or no more than `but` bytes do; or gives it back. */
  fill(isFull: boolean, but?: number): Promise<void>;
  /** Takes the second half of a volume's file away. */
  cut(volume: VolumeId): Promise<void>;
  /** What is left of attempts that did not succeed. */
  leftovers(): Promise<readonly string[]>;
}

const MiB = 1 << 20;
const can = (work: () => void): boolean => {
  try {
    work();
    return true;
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, "pool_cannot_encrypt");
    return false;
  }
};
let minted = 0;
const mint = <Id>() => uuidV7(Date.now(), new Uint8Array(16).fill(++minted % 251)) as Id; // Its own maker's word.

export function volumesContract(name: string, makeRig: (t: TestContext) => Promise<PoolRig>): void {
  const promise = (
    what: string,
    body: (desk: { rig: PoolRig; pool: VolumePool; volume: VolumeId }) => Promise<void>,
  ) =>
    test(`${name}: ${what}`, async (t) => {
      const rig = await makeRig(t);
      const pool = await rig.open();
      t.after(() => pool.close());
      await pool.tend();
      await body({ rig, pool, volume: mint<VolumeId>() });
      assert.deepEqual(await rig.leftovers(), []);
    });
  const viewOf = async (pool: VolumePool, volume: VolumeId) =>
    (await pool.measure()).volumes.find((each) => each.volume === volume);
  const blank = { is: "blank" } as const;
  const opener = (generation = 1) => ({ instance: mint<InstanceId>(), generation });
  const namesOf = async (pool: VolumePool, volume: VolumeId) =>
    (await pool.snapshots(volume)).map((snapshot) => snapshot.name);

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
      await assert.rejects(pool.make(volume, MiB, { is, image }));
    assert.equal(await viewOf(pool, volume), undefined);
  });

  promise("what is encrypted stays so, and opens with its key alone", async (desk) => {
    const { rig, pool, volume } = desk;
    const keys = ["one-key-that-nobody-guesses", "another-one"] as const;
    if (!can(() => pool.know(volume, keys[0]))) return;
    await pool.make(volume, 4 * MiB, blank);
    await pool.snapshot(volume, "s");
    await pool.resize(volume, 8 * MiB);
    await pool.backUp(volume, rig.place, { id: "b1" });
    assert.equal(
      (await pool.backUp(volume, rig.place, { id: "b2", since: "b1" })).since,
      undefined,
    );
    assert.deepEqual(await rig.place.check(volume, "b2"), { is: "sound" });
    const plain = mint<VolumeId>();
    for (const work of [
      () => pool.restore(plain, volume, "s"),
      () => pool.copy(plain, volume, "s", MiB),
      () => pool.restoreBackup(plain, rig.place, volume, "b1"),
    ])
      await assert.rejects(work(), { code: "volume_key_missing" });
    assert.equal(await viewOf(pool, plain), undefined);
    const image = { file: await rig.newFile(), format: "qcow2" } as const;
    await pool.extract(volume, "s", image.file);
    await assert.rejects(pool.make(plain, MiB, { is: "overlay", image }), {
      code: "volume_key_missing",
    });
    pool.know(plain, keys[1]);
    for (const work of [
      () => pool.make(plain, MiB, { is: "overlay", image }),
      () => pool.restoreBackup(plain, rig.place, volume, "b1"),
    ])
      await assert.rejects(work(), { code: "volume_key_wrong" });
    for (const work of [
      (copy: VolumeId) => pool.restore(copy, volume, "s"),
      (copy: VolumeId) => pool.copy(copy, volume, "s", 16 * MiB),
      (copy: VolumeId) => pool.restoreBackup(copy, rig.place, volume, "b2"),
      (copy: VolumeId) => pool.make(copy, MiB, { is: "overlay", image }),
    ]) {
      const copy = mint<VolumeId>();
      pool.know(copy, keys[0]);
      await work(copy);
      assert.deepEqual(await pool.check(copy), { is: "sound" });
      await pool.snapshot(copy, "t");
    }
    pool.close();
    const next = await rig.open();
    await assert.rejects(next.snapshot(volume, "t"), { code: "volume_key_missing" });
    await assert.rejects(next.removeSnapshot(volume, "s"), { code: "volume_key_missing" });
    next.know(volume, keys[1]);
    await assert.rejects(next.snapshot(volume, "t"), { code: "volume_key_wrong" });
    next.know(volume, keys[0]);
    await next.removeSnapshot(volume, "s");
    assert.deepEqual(await namesOf(next, volume), []);
    assert.deepEqual(await next.check(volume), { is: "sound" });
    next.close();
  });

  promise("what a guest backs up is encrypted as well", async ({ rig, pool, volume }) => {
    const place = rig.otherPlace();
    place.know(volume, "a-key");
    await place.take(volume, MiB, { id: "b1" }, async (target) => {
      assert.equal(target.key, "a-key");
    });
    const plain = mint<VolumeId>();
    await assert.rejects(pool.restoreBackup(plain, rig.place, volume, "b1"), {
      code: "volume_key_missing",
    });
  });

  promise(
    "a pool whose guests can be cut off keeps nothing encrypted, and says so",
    async (desk) => {
      const { pool, volume } = desk;
      assert.equal(
        can(() => pool.know(volume, "a-key")),
        !pool.abilities.canRevoke,
      );
    },
  );

  promise("with no key or another one nothing is called damaged", async ({ rig, pool, volume }) => {
    if (!can(() => pool.know(volume, "one-key"))) return;
    await pool.make(volume, MiB, blank);
    const plain = mint<VolumeId>();
    await pool.make(plain, MiB, blank);
    await pool.backUp(volume, rig.place, { id: "b1" });
    const ofBackup = rig.otherPlace();
    assert.equal((await ofBackup.check(volume, "b1")).is, "unknown");
    ofBackup.know(volume, "another-one");
    assert.equal((await ofBackup.check(volume, "b1")).is, "unknown");
    ofBackup.know(volume, "one-key");
    assert.deepEqual(await ofBackup.check(volume, "b1"), { is: "sound" });
    pool.close();
    const next = await rig.open();
    assert.equal((await next.check(volume)).is, "unknown");
    for (const each of [volume, plain]) next.know(each, "another-one");
    assert.equal((await next.check(volume)).is, "unknown");
    assert.equal((await next.check(plain)).is, "unknown");
    next.know(volume, "one-key");
    assert.deepEqual(await next.check(volume), { is: "sound" });
    next.close();
  });

  promise("an encrypted volume that hardly fits is whole, or is not there", async (desk) => {
    const { rig, pool, volume } = desk;
    if (!can(() => pool.know(volume, "a-key"))) return;
    await pool.make(volume, MiB, blank);
    const outcomes = new Set<string>();
    for (let but = 0; but < 4 * MiB; but += MiB / 4) {
      const next = mint<VolumeId>();
      pool.know(next, "a-key");
      await rig.fill(true, but);
      const made = await pool.make(next, MiB, blank).then(
        () => "made",
        (error) => error.code,
      );
      await rig.fill(false);
      outcomes.add(made);
      const now = made === "made" ? "sound" : "missing";
      assert.equal((await pool.check(next)).is, now, `${made} with ${but} bytes of room`);
      await pool.remove(next);
    }
    assert.deepEqual([...outcomes], ["store_full", "made"]);
  });

  promise(
    "a plain volume is copied into an encrypted one, and is no encrypted one itself",
    async (desk) => {
      const { rig, pool, volume } = desk;
      const copy = mint<VolumeId>();
      await pool.make(volume, MiB, { is: "overlay", image: await rig.image(MiB) });
      await pool.snapshot(volume, "s");
      if (!can(() => pool.know(copy, "a-key"))) return;
      await pool.copy(copy, volume, "s", 2 * MiB);
      assert.equal((await viewOf(pool, copy))?.virtualBytes, 2 * MiB);
      await pool.snapshot(copy, "t");
      const upon = mint<VolumeId>();
      pool.know(upon, "a-key");
      await pool.make(upon, 2 * MiB, { is: "overlay", image: await rig.image(MiB) });
      await pool.snapshot(upon, "t");
      pool.know(volume, "a-key");
      await assert.rejects(pool.snapshot(volume, "t"), { code: "volume_key_wrong" });
    },
  );

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
