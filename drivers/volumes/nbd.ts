/**
 * A pool on a storage host: volumes in a directory, served over NBD by one qemu-storage-daemon each, under one
 * name for each generation. To take a name away is the cut of the fencing protocol: it needs nobody's consent
 * and takes a millisecond.
 *
 * The order matters in both directions. What is opened is written down before it is served, so that a daemon
 * that dies comes back with it. What is revoked is cut first and written down then, and only then reported: if
 * we die in between, whoever asked asks again.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { backUpNode, removeNodeSnapshot, snapshotNodes } from "../hypervisor/block-jobs.ts";
import { type Ask, QmpRefusal } from "../hypervisor/qmp.ts";
import { backupFailed } from "../hypervisor/refusals.ts";
import { turns } from "../hypervisor/turns.ts";
import { storeFull } from "../images/problems.ts";
import { daemonPaths, theDisk } from "./daemon.ts";
import { directoryPool } from "./directory.ts";
import { diskIdOf, type Opened, type VolumePool } from "./driver.ts";
import { admitting, nameOf, releasing, revoking } from "./exports.ts";
import { exists } from "./place.ts";
import { cannotEncrypt, noFreePort, volumeInUse, volumeNotFound } from "./problems.ts";
import { meaning } from "./programs.ts";
import { type Listen, type Served, serving } from "./served.ts";
import { named, virtualBytesOf } from "./volume-file.ts";

export interface NbdPoolOptions {
  /** Of the volumes. This host's alone: nobody else may open what is in it. */
  readonly directory: string;
  readonly host: string;
  /** For sockets: short, and passable for everybody. */
  readonly runDir: string;
  /** Nobody comes in from other hosts if not given. */
  readonly listen?: Listen;
}

export async function nbdPool(options: NbdPoolOptions): Promise<VolumePool> {
  const { directory, runDir, listen } = options;
  const files = await directoryPool({ ...options, isShared: false });
  const book = join(directory, "exports");
  await mkdir(book, { recursive: true, mode: 0o700 });
  const all = new Map<VolumeId, Promise<Served>>();
  const choosing = turns(1);
  for (const volume of await bookedVolumes()) await find(volume);

  return {
    abilities: { isShared: true, canRevoke: true, isLive: true },

    know() {
      throw cannotEncrypt();
    },
    make: (volume, bytes, origin) => files.make(volume, bytes, origin), // Who has it open is in the book.
    snapshots: files.snapshots,
    restore: files.restore,
    copy: files.copy,
    extract: files.extract,
    restoreBackup: files.restoreBackup,
    check: files.check,
    measureSpeed: files.measureSpeed,

    open: (volume, opener) =>
      alone(volume, async (served): Promise<Opened> => {
        if (!(await exists(served.file))) throw volumeNotFound();
        const admitted = admitting(served.exports, opener);
        // One volume at a time chooses a port, and has it written down before the next one does.
        const port = await choosing(async () => {
          const chosen = listen && (admitted.port ?? (await freePort(listen)));
          const isNew = chosen !== undefined && chosen !== admitted.port;
          await served.keep(isNew ? { ...admitted, port: chosen } : admitted);
          return chosen;
        });
        await served.serve();
        const source = served.source(opener);
        return port ? { source, door: { volume, port, name: nameOf(opener) } } : { source };
      }),

    release: (volume, opener) =>
      alone(volume, async (served) => {
        await served.keep(releasing(served.exports, opener));
        await served.serve();
      }),

    openers: (volume) => alone(volume, async ({ exports }) => exports.openers),

    revoke: (volume, opener) =>
      alone(volume, async (served) => {
        const after = revoking(served.exports, opener);
        await served.cut(after);
        await served.keep(after);
        served.soon(); // What is left running for nobody ends, and nobody waits for that.
      }),

    resize: (volume, bytes) =>
      whoeverHas(
        volume,
        () => files.resize(volume, bytes),
        async (ask, served) => {
          if ((await virtualBytesOf(served.file)) >= bytes) return;
          const size = Math.ceil(bytes / 512) * 512;
          // It cannot grow while it is exported. Guests connect again and wait for that long.
          await served.withhold();
          await ask("block_resize", { "node-name": theDisk.node, size }).finally(served.serve);
        },
      ),

    snapshot: (volume, name) =>
      whoeverHas(
        volume,
        () => files.snapshot(volume, name),
        (ask) => snapshotNodes(ask, [theDisk], named(name)),
      ),

    removeSnapshot: (volume, name) =>
      whoeverHas(
        volume,
        () => files.removeSnapshot(volume, name),
        (ask) => removeNodeSnapshot(ask, theDisk, named(name)),
      ),

    async backUp(volume, place, wish) {
      const served = await find(volume);
      if (served.exports.openers.length === 0) return files.backUp(volume, place, wish);
      const bytes = await virtualBytesOf(served.file);
      // Beside whatever else is done with it: a backup may take hours.
      return place.take(volume, bytes, wish, async (target) => {
        const ask = await served.alone(served.ask);
        await backUpNode(ask, theDisk.node, target).catch((error) => {
          // Its daemon has ended: the last one who had it open is gone.
          throw error instanceof Problem ? error : backupFailed(String(error), error);
        });
      });
    },

    remove: (volume) =>
      alone(volume, async (served) => {
        if (served.exports.openers.length > 0) throw volumeInUse();
        await files.remove(volume);
        await rm(join(book, volume), { force: true });
        all.delete(volume);
      }),

    async measure() {
      const { volumes, ...rest } = await files.measure();
      const views = await Promise.all(
        volumes.map(async (view) => {
          const [openedBy] = (await find(view.volume)).exports.openers.toReversed();
          return openedBy ? { ...view, openedBy } : view;
        }),
      );
      return { ...rest, volumes: views };
    },

    async tend() {
      await files.tend();
      const booked = await bookedVolumes();
      await Promise.all(booked.map((volume) => alone(volume, (served) => served.serve())));
    },

    close() {
      for (const each of all.values()) void each.then((served) => served.close());
    },
  };

  async function bookedVolumes(): Promise<readonly VolumeId[]> {
    const names = (await readdir(book)).filter((name) => !name.endsWith(".new"));
    return names as VolumeId[]; // Only we make files there, named by the volume.
  }

  function find(volume: VolumeId): Promise<Served> {
    const known = all.get(volume);
    if (known) return known;
    const file = join(directory, `${volume}.qcow2`);
    const paths = daemonPaths(runDir, diskIdOf(volume));
    const found = serving(file, join(book, volume), paths, listen);
    all.set(volume, found);
    return found;
  }

  async function alone<T>(volume: VolumeId, work: (served: Served) => Promise<T>): Promise<T> {
    const served = await find(volume);
    return served.alone(() => work(served));
  }

  /** Where a daemon has the volume open it does the work; otherwise nobody has. */
  function whoeverHas(
    volume: VolumeId,
    offline: () => Promise<void>,
    live: (ask: Ask, served: Served) => Promise<void>,
  ): Promise<void> {
    return alone(volume, async (served) => {
      if (served.exports.openers.length === 0) return offline();
      await live(await served.ask(), served).catch((error) => {
        if (error instanceof Problem && error.code === "host_disk_full") throw storeFull(error);
        throw error instanceof QmpRefusal ? meaning(error) : error;
      });
    });
  }

  async function freePort({ ports: { first, count } }: Listen): Promise<number> {
    const taken = new Set((await Promise.all(all.values())).map(({ exports }) => exports.port));
    for (let port = first; port < first + count; port++) if (!taken.has(port)) return port;
    throw noFreePort(count);
  }
}
