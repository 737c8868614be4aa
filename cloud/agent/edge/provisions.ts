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
import { allOver } from "@holdfast/kernel/all-over";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import type { DiskKeeper } from "./disks.ts";
import type { Networker } from "./networker.ts";
import { rootOf, specOf } from "./spec.ts";
import type { Storage } from "./storage.ts";

/** How to launch a machine, without what it is given when that is there. */
export type Provided = Omit<MachineSpec, "disks" | "nics">;

export interface Preparation {
  /** How to launch it, when the files of its image are here. Rejects only if `made` does. */
  readonly spec: Promise<Provided>;
  /** Resolves when its volumes are made as well. */
  readonly made: Promise<void>;
}

export interface Provisions {
  /** Makes everything that the wish needs but its cables. May be repeated. */
  prepare(wish: Wish): Preparation;
  /**
   * The same for one that comes from another host: what only that had is copied, so what an earlier stay has left
   * here is in the way.
   */
  cleared(wish: Wish): Promise<Provided>;
  /** Its cards, when they can be plugged in. Rejects with `network_not_ready`. */
  plugged(wish: Wish): Promise<NonNullable<MachineSpec["nics"]>>;
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
  networks: Pick<Networker, "ready">,
): Provisions {
  /** Volumes whose files are being made. */
  const preparing = new Map<VolumeId, Promise<unknown>>();
  return {
    prepare,
    async cleared(wish) {
      for (const { volume, pool } of specOf(wish).disks)
        if (pool === local) await disks.remove({ volume, pool });
      const { spec, made } = prepare(wish);
      await made;
      return spec;
    },
    async plugged(wish) {
      const nics = cardsOf(wish);
      const known = await networks.ready(
        nics.map(({ id }) => id),
        networkPatience,
      );
      return nics.map((nic) => ({ ...nic, mtu: known.get(nic.id)?.mtu ?? nic.mtu }));
    },
    async remove(unwanted) {
      await preparing.get(unwanted.volume)?.catch(() => {});
      await disks.remove(unwanted);
    },
  };

  function prepare(wish: Wish): Preparation {
    const { volume } = rootOf(wish);
    const files = filesOf(wish);
    const mine = allOver([files, makeDisks(wish, files)]);
    preparing.set(volume, mine);
    const made = mine.finally(() => {
      if (preparing.get(volume) === mine) preparing.delete(volume);
    });
    const spec = files.then((fileOf) => providedOf(wish, fileOf));
    spec.catch(() => {}); // Whoever waits for the volumes is told.
    return { spec, made };
  }

  async function filesOf(wish: Wish): Promise<(digest: Digest) => string> {
    const { pool } = rootOf(wish);
    const files = await Promise.all(
      blobsOf(specOf(wish).image).map(
        async (digest) => [digest, await storage.ensureBlob(digest, pool)] as const,
      ),
    );
    const known = new Map(files);
    return (digest) => known.get(digest) ?? "";
  }

  function makeDisks(wish: Wish, files: ReturnType<typeof filesOf>): Promise<void> {
    const { digest, format } = specOf(wish).image.disk;
    const image = files.then((fileOf) => ({ file: fileOf(digest), format }));
    image.catch(() => {}); // Whoever makes a disk of it is told.
    return disks.make(wish, image);
  }

  function providedOf(wish: Wish, fileOf: (digest: Digest) => string): Provided {
    const { name, cpus, memoryMiB, image, userData, lastDeath, startPaused } = specOf(wish);
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

/** Before it is known what its networks carry. */
export const cardsOf = (wish: Wish): NonNullable<MachineSpec["nics"]> =>
  specOf(wish).nics.map(({ id, mac }) => ({ id, mac, mtu: smallestMtu }));

/** As cloud-init's NoCloud source wants them. JSON is YAML. */
const seedOf = (id: InstanceId, name: string, userData: string | null) => ({
  "meta-data": JSON.stringify({ "instance-id": id, "local-hostname": name }),
  "user-data": userData ?? "",
});
