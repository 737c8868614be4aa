/**
 * What the promises of places for volumes are tried on: storage that can be attached to again, filled, cut and taken
 * away, and what each promise begins and ends with.
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

/** What one promise is tried with. */
export interface Desk {
  readonly rig: PoolRig;
  readonly pool: VolumePool;
  readonly volume: VolumeId;
}

export type Promised = (what: string, body: (desk: Desk) => Promise<void>) => void;

export const promises =
  (name: string, makeRig: (t: TestContext) => Promise<PoolRig>): Promised =>
  (what, body) =>
    void test(`${name}: ${what}`, async (t) => {
      const rig = await makeRig(t);
      const pool = await rig.open();
      t.after(() => pool.close());
      await pool.tend();
      await body({ rig, pool, volume: mint<VolumeId>() });
      assert.deepEqual(await rig.leftovers(), []);
    });

export const MiB = 1 << 20;
let minted = 0;
export const mint = <Id>() => uuidV7(Date.now(), new Uint8Array(16).fill(++minted % 251)) as Id; // Its own maker's word.

export const viewOf = async (pool: VolumePool, volume: VolumeId) =>
  (await pool.measure()).volumes.find((each) => each.volume === volume);
export const blank = { is: "blank" } as const;
export const opener = (generation = 1) => ({ instance: mint<InstanceId>(), generation });
export const namesOf = async (pool: VolumePool, volume: VolumeId) =>
  (await pool.snapshots(volume)).map((snapshot) => snapshot.name);
