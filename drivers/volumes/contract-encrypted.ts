/** What every place for volumes promises of encrypted ones; one that keeps none must refuse them. */
import assert from "node:assert/strict";
import type { VolumeId } from "@holdfast/kernel/ids";
import { blank, MiB, mint, namesOf, type Promised, viewOf } from "./contract-rig.ts";

export function encryptedContract(promise: Promised): void {
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
}

const can = (work: () => void): boolean => {
  try {
    work();
    return true;
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, "pool_cannot_encrypt");
    return false;
  }
};
