/**
 * What a guest needs on its host before it can be launched: the files of its image, its volumes, its cables.
 *
 * A volume may be unwanted again while its file is still being made. It is deleted after that, or it would be
 * made behind the deletion's back and stay for ever.
 */
import type { Unwanted, Wish } from "@holdfast/cloud/hosts";
import { blobsOf } from "@holdfast/cloud/images";
import type { MachineSpec } from "@holdfast/drivers/hypervisor";
import type { Digest } from "@holdfast/drivers/images";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import type { DiskKeeper } from "./disks.ts";
import type { Networker } from "./networker.ts";
import { rootOf, specOf } from "./spec.ts";
import type { Storage } from "./storage.ts";

/** How to launch a machine, without what it is given when that is there. */
export type Provided = Omit<MachineSpec, "disks" | "nics">;

export interface Provisions {
  /** Makes everything that the wish needs but its cables, and says how to launch it. May be repeated. */
  ready(wish: Wish): Promise<Provided>;
  /**
   * The same for one that comes from another host: what only that had is copied, so what an earlier stay has left
   * here is in the way.
   */
  cleared(wish: Wish): Promise<Provided>;
  /** Its cards, when it is known what they are like. Rejects with `network_not_ready`, as the next does. */
  cards(wish: Wish): Promise<NonNullable<MachineSpec["nics"]>>;
  /** Resolves when they can be plugged in. */
  plugged(wish: Wish): Promise<void>;
  remove(unwanted: Unwanted): Promise<void>;
}

/** The picture of a host's networks follows its wishes within tens of milliseconds; a busy database takes longer. */
const networkPatience = seconds(20);
/** What every link carries, should a picture have changed between the question and its answer. */
const smallestMtu = 1_280;
/** The pool that every host has to itself: what is in it, nobody else could start. */
export const local = "local";
/** Whether another host could start it as well. */
export const isShared = (wish: Wish) => specOf(wish).disks.some(({ pool }) => pool !== local);

export function provisions(
  storage: Pick<Storage, "ensureBlob">,
  disks: Pick<DiskKeeper, "make" | "remove">,
  networks: Pick<Networker, "heard" | "ready">,
): Provisions {
  /** Volumes whose files are being made. */
  const preparing = new Map<VolumeId, Promise<unknown>>();
  return {
    ready,
    async cleared(wish) {
      for (const { volume, pool } of specOf(wish).disks)
        if (pool === local) await disks.remove({ volume, pool });
      return ready(wish);
    },
    async cards(wish) {
      const known = await networks.heard(nicsOf(wish), networkPatience);
      return specOf(wish).nics.map(({ id, mac }) => ({
        ...{ id, mac, mtu: known.get(id)?.mtu ?? smallestMtu },
      }));
    },
    async plugged(wish) {
      await networks.ready(nicsOf(wish), networkPatience);
    },
    async remove(unwanted) {
      await preparing.get(unwanted.volume)?.catch(() => {});
      await disks.remove(unwanted);
    },
  };

  function ready(wish: Wish) {
    const { volume } = rootOf(wish);
    const mine = prepare(wish);
    preparing.set(volume, mine);
    return mine.finally(() => preparing.delete(volume));
  }

  async function prepare(wish: Wish): Promise<Provided> {
    const { name, cpus, memoryMiB, image, userData, lastDeath, startPaused } = specOf(wish);
    const { pool } = rootOf(wish);
    const files = new Map<Digest, string>();
    for (const digest of blobsOf(image)) files.set(digest, await storage.ensureBlob(digest, pool));
    const fileOf = (digest: Digest) => files.get(digest) ?? "";
    await disks.make(wish, { file: fileOf(image.disk.digest), format: image.disk.format });
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
      metadata: {
        "instance-id": wish.instance,
        hostname: name,
        "request-id": wish.requestId,
        ...(userData === null ? {} : { "user-data": userData }),
        ...(lastDeath === null ? {} : { "last-death": lastDeath }),
      },
      ...(image.wantsSeed ? { seed: seedOf(wish.instance, name, userData) } : {}),
      paused: startPaused,
      isFenceable: isShared(wish),
      requestId: wish.requestId,
    };
  }
}

const nicsOf = (wish: Wish) => specOf(wish).nics.map(({ id }) => id);

/** As cloud-init's NoCloud source wants them. JSON is YAML. */
const seedOf = (id: InstanceId, name: string, userData: string | null) => ({
  "meta-data": JSON.stringify({ "instance-id": id, "local-hostname": name }),
  "user-data": userData ?? "",
});
