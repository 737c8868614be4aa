/**
 * Volumes as qcow2 files in a directory, of this host alone or of all that mount it at the same path.
 *
 * Snapshots are inside of the file. Rejected: a chain of files, one for each snapshot. It makes every read
 * slower with every snapshot, and a crash between two files needs somebody to work out which one counts.
 *
 * Where hosts share the directory a file that a guest of another host has open is not locked on every file
 * system; the claim beside it is what tells.
 */
import { mkdir, readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { allOver } from "@holdfast/kernel/all-over";
import { fileSource } from "@holdfast/kernel/block";
import type { VolumeId } from "@holdfast/kernel/ids";
import { backUpNode } from "../hypervisor/block-jobs.ts";
import { turns } from "../hypervisor/turns.ts";
import { qemuDisks } from "../images/qemu-img.ts";
import { claim, readClaim, unclaim } from "./claims.ts";
import { withDaemon } from "./daemon.ts";
import type { ImageFile, Opener, Origin, VolumePool, VolumeView } from "./driver.ts";
import { isEncrypted } from "./encryption.ts";
import { exists, openPlace, sync } from "./place.ts";
import {
  cannotRevoke,
  keyMissing,
  poolUnreachable,
  snapshotNotFound,
  volumeInUse,
  volumeNotFound,
} from "./problems.ts";
import { type Locked, onFile } from "./programs.ts";
import { measureSpeed } from "./speed.ts";
import {
  checkFile,
  copy,
  create,
  hasSnapshots,
  infoOf,
  named,
  type Original,
  sizeOf,
  virtualBytesOf,
} from "./volume-file.ts";

export { virtualBytesOf };

export interface DirectoryPoolOptions {
  /** The volumes' own, with nothing else in it. Made if it is not there, unless it is shared: then it must be. */
  readonly directory: string;
  /** Tells the hosts of a shared directory apart. */
  readonly host: string;
  readonly isShared: boolean;
  /** For sockets: short, and of this host alone. */
  readonly runDir: string;
}

const ending = ".qcow2";
/** What a disk is made of. Sizes are rounded up to it. */
const sector = 512;

export async function directoryPool(options: DirectoryPoolOptions): Promise<VolumePool> {
  const { directory, host, isShared, runDir } = options;
  if (isShared && !(await exists(directory))) throw poolUnreachable();
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await mkdir(runDir, { recursive: true, mode: 0o711 });
  const place = await openPlace(directory, host);
  const overlays = await qemuDisks({ directory: join(directory, "incoming", host, "overlays") });
  const inOrder = new Map<VolumeId, ReturnType<typeof turns>>();
  const fileOf = (volume: VolumeId) => join(directory, `${volume}${ending}`);
  const claimOf = (volume: VolumeId) => join(directory, `${volume}.claim`);
  const keys = new Map<VolumeId, string>();
  /** Images that were looked into and need no key. They are called by their checksums, so no other one has the name. */
  const plain = new Set<string>();
  /** To whom this process has given a volume that nobody else can reach. */
  const given = new Map<VolumeId, Opener>();

  return {
    abilities: { isShared, canRevoke: false, isLive: false },

    know(volume, key) {
      keys.set(volume, key);
    },

    make(volume, bytes, origin, next) {
      const key = keys.get(volume); // A removal that is under way forgets it, when its turn has come.
      return alone(volume, async () => {
        const made = makeFile(fileOf(volume), Math.ceil(bytes / sector) * sector, origin, key);
        if (!next || isShared) return made;
        try {
          await allOver([made, give(volume, next)]);
        } catch (error) {
          await takeBack(volume, next).catch(() => {}); // They have to release it anyway.
          throw error;
        }
      });
    },

    open: (volume, opener) =>
      alone(volume, async () => {
        const file = fileOf(volume);
        if (!isSame(given.get(volume), opener)) {
          await assertThere(file);
          await give(volume, opener);
        }
        return { source: fileSource(file, "qcow2", isShared) };
      }),

    release: (volume, opener) => alone(volume, () => takeBack(volume, opener)),

    async openers(volume) {
      const holder = await readClaim(claimOf(volume));
      return holder ? [{ instance: holder.instance, generation: holder.generation }] : [];
    },

    async revoke() {
      throw cannotRevoke();
    },

    resize: (volume, bytes) =>
      known(volume, async (file) => {
        const { bytes: now, spoiltBitmaps } = await infoOf(file);
        if (now >= bytes) return;
        const image = await unlocked(volume, file);
        // What a crash has spoilt stands in the way, and can be of no use to anybody.
        for (const name of spoiltBitmaps) await onFile(image, ["bitmap", "--remove"], name);
        const size = Math.ceil(bytes / sector) * sector;
        await onFile(image, ["resize", "-q"], `${size}`);
      }),

    snapshot: (volume, name) =>
      known(volume, async (file) => {
        named(name);
        if ((await hasSnapshots(file)) && (await snapshotsOf(file)).includes(name)) return;
        await onFile(await unlocked(volume, file), ["snapshot", "-q", "-c", name]);
      }),

    snapshots: (volume) => known(volume, async (file) => (await infoOf(file)).snapshots),

    removeSnapshot: (volume, name) =>
      known(volume, async (file) => {
        if (!(await snapshotsOf(file)).includes(named(name))) return;
        await onFile(await unlocked(volume, file), ["snapshot", "-q", "-d", name]);
      }),

    // Of what is made first: whoever removes it waits, and finds it.
    restore(volume, from, name) {
      const key = keys.get(volume); // See `make`.
      return alone(volume, () =>
        known(from, async (source) => {
          if (await exists(fileOf(volume))) return;
          const { snapshots, backing } = await infoOf(source);
          if (!snapshots.some((each) => each.name === named(name))) throw snapshotNotFound(name);
          const original = await originalOf(from, source, name);
          // Only what differs from the image, where there is one.
          await place.make(fileOf(volume), 0o600, (temporary) =>
            copy(original, { file: temporary, key }, { below: backing }),
          );
        }),
      );
    },

    copy(volume, from, name, bytes) {
      const key = keys.get(volume);
      return alone(volume, () =>
        known(from, async (source) => {
          if (await exists(fileOf(volume))) return;
          if (!(await snapshotsOf(source)).includes(named(name))) throw snapshotNotFound(name);
          const size = Math.ceil(bytes / sector) * sector;
          const original = await originalOf(from, source, name);
          await place.make(fileOf(volume), 0o600, (temporary) =>
            copy(original, { file: temporary, key }, { bytes: size }),
          );
        }),
      );
    },

    extract: (volume, name, file) =>
      known(volume, async (source) => {
        if (!(await snapshotsOf(source)).includes(named(name))) throw snapshotNotFound(name);
        const temporary = `${file}.partial`;
        const original = await originalOf(volume, source, name);
        try {
          await copy(original, { file: temporary, key: original.key });
          await sync(temporary);
          await rename(temporary, file);
        } finally {
          await rm(temporary, { force: true });
        }
      }),

    remove: (volume) =>
      alone(volume, async () => {
        if (await readClaim(claimOf(volume))) throw volumeInUse();
        await rm(fileOf(volume), { force: true });
        keys.delete(volume);
      }),

    backUp: (volume, backups, wish) =>
      known(volume, async (file) => {
        const image = await unlocked(volume, file);
        if (image.key !== undefined) backups.know(volume, image.key);
        const socket = join(runDir, `backup-${process.pid}-${volume.slice(-12)}`);
        return backups.take(volume, (await infoOf(file)).bytes, wish, (target) =>
          withDaemon(image, socket, (ask) => backUpNode(ask, "disk", target)),
        );
      }),

    restoreBackup(volume, backups, from, id) {
      const key = keys.get(volume);
      return alone(volume, async () => {
        if (await exists(fileOf(volume))) return;
        const image = await backups.find(from, id);
        await place.make(fileOf(volume), 0o600, (temporary) =>
          copy({ ...image, key }, { file: temporary, key }),
        );
      });
    },

    check: (volume) =>
      alone(volume, async () => {
        const file = fileOf(volume);
        return (await exists(file))
          ? checkFile({ file, key: keys.get(volume) })
          : { is: "missing" };
      }),

    async measure() {
      const { bsize, blocks, bavail } = await statfs(directory).catch((cause) => {
        throw poolUnreachable(cause);
      });
      const names = (await readdir(directory)).filter((name) => name.endsWith(ending));
      // Only we name files here, by the volume.
      const volumes = names.map((name) => name.slice(0, -ending.length) as VolumeId);
      const views = await Promise.all(volumes.map((volume) => view(volume).catch(() => undefined)));
      return {
        totalBytes: bsize * blocks,
        freeBytes: bsize * bavail,
        volumes: views.filter((each) => each !== undefined),
      };
    },

    measureSpeed: () => measureSpeed(join(directory, "incoming", host, "speed.raw")),

    async tend() {
      if (!(await exists(directory))) throw poolUnreachable();
    },
    close() {},
  };

  /** One thing at a time with one volume. */
  function alone<T>(volume: VolumeId, work: () => Promise<T>): Promise<T> {
    const order = inOrder.get(volume) ?? turns(1);
    inOrder.set(volume, order);
    return order(work);
  }

  function known<T>(volume: VolumeId, work: (file: string) => Promise<T>): Promise<T> {
    return alone(volume, async () => {
      const file = fileOf(volume);
      await assertThere(file);
      return work(file);
    });
  }

  async function assertThere(file: string): Promise<void> {
    if (await exists(file)) return;
    throw (await exists(directory)) ? volumeNotFound() : poolUnreachable();
  }

  async function give(volume: VolumeId, opener: Opener): Promise<void> {
    await claim(claimOf(volume), host, opener, isShared);
    if (!isShared) given.set(volume, opener);
  }

  async function takeBack(volume: VolumeId, opener: Opener): Promise<void> {
    given.delete(volume);
    await unclaim(claimOf(volume), opener);
  }

  async function makeFile(
    file: string,
    size: number,
    origin: Origin,
    key: string | undefined,
  ): Promise<void> {
    // An overlay upon what is encrypted would need its key as well, for as long as it is open.
    const isOverlay = origin.is === "overlay" && !(await isLocked(origin.image));
    if (origin.is !== "blank" && isOverlay && key === undefined)
      return overlays.ensureOverlay(file, origin.image, size);
    await place.make(file, 0o600, async (temporary) => {
      const to = { file: temporary, key };
      if (origin.is === "blank") return create(to, size);
      const { image } = origin;
      if (isOverlay) await create(to, Math.max(size, await sizeOf(image)), image);
      else await copy({ ...image, key }, to, { bytes: size });
    });
  }

  /** Of one that cannot be read it is said where it is used. */
  async function isLocked({ file, format }: ImageFile): Promise<boolean> {
    if (format !== "qcow2" || plain.has(file)) return false;
    const is = await isEncrypted(file).catch(() => undefined);
    if (is === false) plain.add(file);
    return is ?? false;
  }

  /** Rejects with `volume_key_missing` where its file is encrypted and nobody has said the key. */
  async function unlocked(volume: VolumeId, file: string): Promise<Locked> {
    const key = keys.get(volume);
    if (key === undefined && (await isEncrypted(file))) throw keyMissing();
    return { file, key };
  }

  async function originalOf(volume: VolumeId, file: string, snapshot: string): Promise<Original> {
    return { ...(await plainOrUnlocked(volume, file)), format: "qcow2", snapshot };
  }

  /** What is copied may be plain though the copy has a key, which may be known of both. */
  async function plainOrUnlocked(volume: VolumeId, file: string): Promise<Locked> {
    return (await isEncrypted(file)) ? unlocked(volume, file) : { file };
  }

  async function snapshotsOf(file: string): Promise<readonly string[]> {
    return (await infoOf(file)).snapshots.map(({ name }) => name);
  }

  async function view(volume: VolumeId): Promise<VolumeView> {
    const file = fileOf(volume);
    const [{ blocks }, bytes, opener] = await Promise.all([
      stat(file),
      virtualBytesOf(file),
      readClaim(claimOf(volume)),
    ]);
    const { instance, generation } = opener ?? {};
    const isOpen = instance !== undefined && generation !== undefined;
    return {
      volume,
      virtualBytes: bytes,
      usedBytes: blocks * sector,
      ...(isOpen ? { openedBy: { instance, generation } } : {}),
    };
  }
}

const isSame = (one: Opener | undefined, other: Opener) =>
  one?.instance === other.instance && one.generation === other.generation;
