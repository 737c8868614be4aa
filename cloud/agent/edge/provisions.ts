/**
 * What a guest needs on its host before it can be launched: the files of its image, and of its volume.
 *
 * A volume may be unwanted again while its file is still being made. It is deleted after that, or it would be
 * made behind the deletion's back and stay for ever.
 */
import type { Unwanted, Wish, WishedDisk } from "@holdfast/cloud/hosts";
import { blobsOf } from "@holdfast/cloud/images";
import type { MachineRef, MachineSpec } from "@holdfast/drivers/hypervisor";
import type { Digest, Disks } from "@holdfast/drivers/images";
import { fileSource } from "@holdfast/kernel/block";
import type { VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { Networker } from "./networker.ts";

/** Where volumes and the images under them are, by pool. */
export interface Storage {
  /** The file of a blob in this pool, fetched from a manager if need be. */
  ensureBlob(digest: Digest, pool: string): Promise<string>;
  volumeFile(volume: VolumeId, pool: string): string;
  /**
   * Writes down, where every host of the pool can read it, who is about to write to a volume. Rejects with
   * `volume_claimed` if a younger generation has: a second line, should all else have failed.
   */
  claim(volume: VolumeId, pool: string, machine: MachineRef): Promise<void>;
}

export interface Provisions {
  /** Makes everything that the wish needs, and says how to launch it. May be repeated. */
  ready(wish: Wish): Promise<MachineSpec>;
  /** See `Storage.claim`. */
  claim(wish: Wish): Promise<void>;
  remove(unwanted: Unwanted): Promise<void>;
}

/** The picture of a host's networks follows its wishes within tens of milliseconds; a busy database takes longer. */
const networkPatience = seconds(20);
/** What every link carries, should a picture have changed between the question and its answer. */
const smallestMtu = 1_280;
/** The pool that every host has to itself: what is in it, nobody else could start. */
const local = "local";
/** Whether another host could start it as well. */
export const isShared = (wish: Wish) => specOf(wish).disks.some(({ pool }) => pool !== local);

export function provisions(
  disks: Disks,
  storage: Storage,
  networks: Pick<Networker, "ready">,
): Provisions {
  /** Volumes whose files are being made. */
  const preparing = new Map<VolumeId, Promise<unknown>>();
  return {
    ready(wish) {
      const { volume } = rootOf(wish);
      const ready = prepare(wish);
      preparing.set(volume, ready);
      return ready.finally(() => preparing.delete(volume));
    },
    async claim(wish) {
      const { volume, pool } = rootOf(wish);
      const ref = { id: wish.instance, generation: wish.generation };
      await storage.claim(volume, pool, ref);
    },
    async remove({ volume, pool }) {
      await preparing.get(volume)?.catch(() => {});
      await disks.remove(storage.volumeFile(volume, pool));
    },
  };

  async function prepare(wish: Wish): Promise<MachineSpec> {
    const { name, cpus, memoryMiB, image, userData, lastDeath, startPaused, nics } = specOf(wish);
    const { volume, pool, bytes: volumeBytes } = rootOf(wish);
    const files = new Map<Digest, string>();
    for (const digest of blobsOf(image)) files.set(digest, await storage.ensureBlob(digest, pool));
    const fileOf = (digest: Digest) => files.get(digest) ?? "";
    const file = storage.volumeFile(volume, pool);
    const backing = { file: fileOf(image.disk.digest), format: image.disk.format };
    await disks.ensureOverlay(file, backing, volumeBytes);
    const plugs = await networks.ready(
      nics.map(({ id }) => id),
      networkPatience,
    );
    const { direct } = image;
    return {
      id: wish.instance,
      generation: wish.generation,
      name,
      cpus,
      memoryMiB,
      boot: direct
        ? {
            kernel: fileOf(direct.kernel),
            initrd: fileOf(direct.initrd),
            commandLine: direct.commandLine,
          }
        : "firmware",
      disks: [{ id: "disk0", source: fileSource(file, "qcow2", pool !== local), readOnly: false }],
      nics: nics.map(({ id, mac }) => ({ id, mac, mtu: plugs.get(id)?.mtu ?? smallestMtu })),
      metadata: {
        "instance-id": wish.instance,
        hostname: name,
        "request-id": wish.requestId,
        ...(userData === null ? {} : { "user-data": userData }),
        ...(lastDeath === null ? {} : { "last-death": lastDeath }),
      },
      paused: startPaused,
      isFenceable: pool !== local,
      requestId: wish.requestId,
    };
  }
}

export function rootOf(wish: Wish): WishedDisk {
  const [root] = specOf(wish).disks;
  if (root) return root;
  throw problem("bug", "wish_incomplete", "A manager asked for an instance without a disk.");
}

export function specOf(wish: Wish): NonNullable<Wish["spec"]> {
  if (wish.spec) return wish.spec;
  throw problem(
    "bug",
    "wish_incomplete",
    "A manager asked for an instance without saying what it is.",
  );
}
