/**
 * A pool made of a Map. What is in it is passed in and outlives it, as storage outlives an agent.
 *
 * There are no bytes in its volumes, only how many: enough to run out of them. What can go wrong with storage
 * is done to it through its world: a volume is cut, the pool becomes unreachable.
 */
import { fileSource } from "@holdfast/kernel/block";
import type { VolumeId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";
import type { Disk } from "../hypervisor/driver.ts";
import { backupPointMissing } from "../hypervisor/refusals.ts";
import type { DiskBacking } from "../hypervisor/simulated-world.ts";
import { damaged, storeFull } from "../images/problems.ts";
import type { Opener, PoolAbilities, Snapshot, VolumePool } from "./driver.ts";
import { admitting, type Exports, nameOf, noExports, releasing, revoking } from "./exports.ts";
import { nbdSource } from "./nbd-source.ts";
import {
  cannotEncrypt,
  cannotRevoke,
  keyMissing,
  poolUnreachable,
  snapshotNotFound,
  volumeInUse,
  volumeNotFound,
} from "./problems.ts";
import { emptyFile, keyIn, whyNot } from "./simulated-backups.ts";
import { named } from "./volume-file.ts";

export {
  type SimulatedBackups,
  type SimulatedPlace,
  simulatedBackups,
} from "./simulated-backups.ts";

export interface SimulatedVolume {
  bytes: number;
  used: number;
  snapshots: readonly Snapshot[];
  exports: Exports;
  /** Of backups that later ones can build on. */
  points: readonly string[];
  /** What is wrong with it, if anything. */
  damage: string | undefined;
  /** That it is encrypted with. */
  readonly key: string | undefined;
}

export interface SimulatedPool {
  readonly volumes: Map<VolumeId, SimulatedVolume>;
  /** Of images, by their file: how big a disk is in them. */
  readonly images: Map<string, number>;
  /** What those of them that are encrypted are encrypted with. */
  readonly locked: Map<string, string>;
  capacity: number;
  isReachable: boolean;
  /** Every cut, in order, for whoever wants to see that a guest was stopped by one. */
  readonly cuts: Opener[];
  /** What it can do, for whoever opens it without saying. */
  readonly abilities?: PoolAbilities;
}

export const simulatedStorage = (capacity = Number.MAX_SAFE_INTEGER): SimulatedPool => ({
  volumes: new Map(),
  images: new Map(),
  locked: new Map(),
  capacity,
  isReachable: true,
  cuts: [],
});

/**
 * For the world of a simulated hypervisor: what is done to a disk through it is done to its volume, as where
 * both are the same file.
 */
export function backing(pools: () => Iterable<SimulatedPool>): DiskBacking {
  const find = ({ source: { files, doors } }: Disk): SimulatedVolume | undefined => {
    const volume = /^\/simulated\/([^/]+)$/.exec(files[0] ?? doors[0] ?? "")?.[1];
    for (const { volumes } of pools()) {
      const known = volumes.get(volume as VolumeId); // Whatever is not one of ours is not found.
      if (known) return known;
    }
    return undefined;
  };
  return {
    opens: (disk) => {
      const volume = find(disk);
      return !volume || volume.key === disk.key;
    },
    sizeOf: (disk) => find(disk)?.bytes,
    grow(disk, bytes) {
      const volume = find(disk);
      if (volume) volume.bytes = Math.max(volume.bytes, bytes);
    },
    snapshot(disk, name, at) {
      const volume = find(disk);
      if (!volume || volume.snapshots.some((each) => each.name === name)) return;
      volume.snapshots = [...volume.snapshots, { name, at }];
      volume.used += emptyFile;
    },
    removeSnapshot(disk, name) {
      const volume = find(disk);
      if (!volume?.snapshots.some((each) => each.name === name)) return;
      volume.snapshots = volume.snapshots.filter((each) => each.name !== name);
      volume.used -= emptyFile;
    },
  };
}

export function simulatedPool(
  world: SimulatedPool,
  clock: Clock,
  abilities: PoolAbilities = { isShared: true, canRevoke: true, isLive: true },
): VolumePool {
  const keys = new Map<VolumeId, string>();
  return {
    abilities,

    know(volume, key) {
      if (abilities.canRevoke) throw cannotEncrypt(); // As the pools that a daemon serves.
      keys.set(volume, key);
    },

    async make(volume, bytes, origin) {
      reach();
      if (world.volumes.has(volume)) return;
      const image = origin.is === "blank" ? 0 : world.images.get(origin.image.file);
      if (image === undefined) throw damaged("its file is not there");
      if (origin.is !== "blank") opens(volume, world.locked.get(origin.image.file));
      enter(volume, Math.max(bytes, image), emptyFile + (origin.is === "copy" ? image : 0));
    },
    async open(volume, opener) {
      const known = find(volume);
      known.exports = admitting(known.exports, opener);
      const name = nameOf(opener);
      return abilities.canRevoke
        ? { source: nbdSource(`/simulated/${volume}/nbd`, `/simulated/${volume}`, name) }
        : { source: fileSource(`/simulated/${volume}`, "qcow2", abilities.isShared) };
    },
    async release(volume, opener) {
      reach();
      const known = world.volumes.get(volume);
      if (known) known.exports = releasing(known.exports, opener);
    },
    async openers(volume) {
      reach();
      return world.volumes.get(volume)?.exports.openers ?? [];
    },
    async revoke(volume, opener) {
      reach();
      if (!abilities.canRevoke) throw cannotRevoke();
      const known = world.volumes.get(volume);
      if (!known) return;
      const after = revoking(known.exports, opener);
      world.cuts.push(...known.exports.openers.filter((each) => !after.openers.includes(each)));
      known.exports = after;
    },
    async resize(volume, bytes) {
      const known = unlocked(volume, unused(volume));
      known.bytes = Math.max(known.bytes, bytes);
    },
    async snapshot(volume, name) {
      const known = unlocked(volume, unused(volume));
      if (known.snapshots.some((each) => each.name === named(name))) return;
      take(emptyFile);
      known.used += emptyFile;
      known.snapshots = [...known.snapshots, { name, at: clock.now() }];
    },
    snapshots: async (volume) => find(volume).snapshots,
    async removeSnapshot(volume, name) {
      const known = unused(volume);
      if (!known.snapshots.some((each) => each.name === named(name))) return;
      unlocked(volume, known);
      known.snapshots = known.snapshots.filter((each) => each.name !== name);
      known.used -= emptyFile;
    },
    async restore(volume, from, name) {
      const source = find(from);
      if (world.volumes.has(volume)) return;
      if (!source.snapshots.some((each) => each.name === named(name))) throw snapshotNotFound(name);
      staysLocked(volume, from, source);
      enter(volume, source.bytes, source.used - emptyFile * source.snapshots.length);
    },
    async copy(volume, from, name, bytes) {
      const source = find(from);
      if (world.volumes.has(volume)) return;
      if (!source.snapshots.some((each) => each.name === named(name))) throw snapshotNotFound(name);
      staysLocked(volume, from, source);
      const used = source.used - emptyFile * source.snapshots.length;
      enter(volume, Math.max(bytes, source.bytes), used);
    },
    async extract(volume, name, file) {
      const { snapshots, bytes, key } = unlocked(volume, find(volume));
      if (!snapshots.some((each) => each.name === named(name))) throw snapshotNotFound(name);
      world.images.set(file, bytes);
      if (key === undefined) world.locked.delete(file);
      else world.locked.set(file, key);
    },
    async remove(volume) {
      reach();
      if (world.volumes.get(volume)?.exports.openers.length) throw volumeInUse();
      world.volumes.delete(volume);
      keys.delete(volume);
    },
    async backUp(volume, place, wish) {
      const known = unlocked(volume, unused(volume));
      if (known.key !== undefined) place.know(volume, known.key);
      return place.take(volume, known.bytes, wish, async ({ point, since }) => {
        if (since !== undefined && !known.points.includes(since)) throw backupPointMissing();
        known.points = [...known.points.filter((each) => each !== point), point];
      });
    },
    async restoreBackup(volume, place, from, id) {
      reach();
      if (world.volumes.has(volume)) return;
      const { file } = await place.find(from, id);
      opens(volume, keyIn(place, file));
      const backup = (await place.list(from)).find((each) => each.id === id);
      enter(volume, backup?.virtualBytes ?? 0, emptyFile);
    },
    async check(volume) {
      reach();
      const known = world.volumes.get(volume);
      if (!known) return { is: "missing" };
      const wrong = whyNot(known.key, keys.get(volume));
      if (wrong) return { is: "unknown", why: wrong.message };
      return known.damage === undefined ? { is: "sound" } : { is: "damaged", why: known.damage };
    },
    async measure() {
      reach();
      const volumes = [...world.volumes].map(([volume, { bytes, used, exports }]) => {
        const [openedBy] = exports.openers.toReversed();
        const view = { volume, virtualBytes: bytes, usedBytes: used };
        return openedBy ? { ...view, openedBy } : view;
      });
      return { totalBytes: world.capacity, freeBytes: world.capacity - used(), volumes };
    },
    async measureSpeed() {
      reach();
      return { iops: 10_000, bytesPerSecond: 200 << 20 };
    },
    async tend() {
      reach();
    },
    close() {},
  };

  function reach(): void {
    if (!world.isReachable) throw poolUnreachable();
  }

  function find(volume: VolumeId): SimulatedVolume {
    reach();
    const known = world.volumes.get(volume);
    if (!known) throw volumeNotFound();
    return known;
  }

  function unused(volume: VolumeId): SimulatedVolume {
    const known = find(volume);
    if (!abilities.isLive && known.exports.openers.length > 0) throw volumeInUse();
    return known;
  }

  function used(): number {
    return [...world.volumes.values()].reduce((sum, volume) => sum + volume.used, 0);
  }

  function take(bytes: number): void {
    if (used() + bytes > world.capacity) throw storeFull();
  }

  function unlocked(volume: VolumeId, known: SimulatedVolume): SimulatedVolume {
    const wrong = whyNot(known.key, keys.get(volume));
    if (wrong) throw wrong;
    return known;
  }

  /** What it is made of is encrypted with that, if it is: it has the same key. */
  function opens(volume: VolumeId, key: string | undefined): void {
    const wrong = key === undefined ? undefined : whyNot(key, keys.get(volume));
    if (wrong) throw wrong;
  }

  /** A plain one may become encrypted, and never the other way round. */
  function staysLocked(volume: VolumeId, from: VolumeId, source: SimulatedVolume): void {
    if (source.key === undefined) return;
    unlocked(from, source);
    if (!keys.has(volume)) throw keyMissing();
  }

  function enter(volume: VolumeId, bytes: number, used: number): void {
    take(used);
    const empty = { snapshots: [], exports: noExports, points: [], damage: undefined };
    world.volumes.set(volume, { bytes, used, ...empty, key: keys.get(volume) });
  }
}
