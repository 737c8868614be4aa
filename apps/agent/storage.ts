/**
 * Where the volumes of this host are: its own directory, and those of the shared pools that it can reach.
 *
 * A shared pool must be mounted at the same path on every host, because an overlay names the image below it
 * by its path. The images of a pool are in the pool, so that a volume can be opened where its image has
 * never been. A pool is opened when it is first asked for, so that one that hangs stops nobody else.
 */
import { randomUUID } from "node:crypto";
import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fetchBlob, type Membership, pushBlob, type Storage } from "@holdfast/cloud/agent/edge";
import type { Blobs, Digest } from "@holdfast/drivers/images";
import { fileBlobs } from "@holdfast/drivers/images/files";
import type { VolumePool } from "@holdfast/drivers/volumes";
import { directoryBackups } from "@holdfast/drivers/volumes/backups";
import { directoryPool, virtualBytesOf } from "@holdfast/drivers/volumes/directory";
import { problem } from "@holdfast/kernel/problem";
import type { Clock } from "@holdfast/kernel/time";

export interface StorageOptions {
  /** Directories of the pool `local`. */
  readonly local: { readonly volumes: string; readonly images: string };
  /** Shared pools: name to directory. */
  readonly pools: Readonly<Record<string, string>>;
  /** For sockets: short, passable for guests' processes. */
  readonly runDir: string;
  readonly managers: readonly string[];
  readonly membership: Membership;
  /** For the claims. */
  readonly host: string;
  readonly clock: Clock;
}

interface Place {
  readonly pool: VolumePool;
  readonly blobs: Blobs;
}

const local = "local";

export async function poolStorage(options: StorageOptions): Promise<Storage> {
  const { pools, managers, membership, host, clock, runDir } = options;
  const leaving = join(options.local.images, "leaving");
  const places = new Map<string, Promise<Place>>();
  await rm(leaving, { recursive: true, force: true }); // What an agent that was killed has left.
  await mkdir(leaving, { recursive: true, mode: 0o700 });

  return {
    pools: [
      { pool: local, kind: "directory", isShared: false, canRevoke: false },
      ...Object.keys(pools).map(
        (pool) => ({ pool, kind: "directory", isShared: true, canRevoke: false }) as const,
      ),
    ],

    pool: async (name) => (await placeOf(name)).pool,

    async ensureBlob(digest: Digest, pool: string) {
      const { blobs } = await placeOf(pool);
      const here = await blobs.find(digest);
      if (here) return here;
      await blobs.put(await fetchBlob(managers, membership, digest), digest);
      const fetched = await blobs.find(digest);
      if (!fetched) throw new Error(`${digest} is gone as soon as it came`);
      return fetched;
    },

    backups: (directory) => directoryBackups(directory, clock),

    async publish(write) {
      const file = join(leaving, `${randomUUID()}.qcow2`);
      try {
        await write(file);
        const { size: bytes } = await stat(file);
        const digest = await pushBlob(managers, membership, file);
        return { digest, bytes, virtualBytes: await virtualBytesOf(file) };
      } finally {
        await rm(file, { force: true });
      }
    },
  };

  /** One that could not be opened is tried again by whoever asks next. */
  function placeOf(name: string): Promise<Place> {
    const known = places.get(name);
    if (known) return known;
    const opening = openPlace(name);
    places.set(name, opening);
    opening.catch(() => places.delete(name));
    return opening;
  }

  async function openPlace(name: string): Promise<Place> {
    const { volumes, images } = name === local ? options.local : await directoriesOf(name);
    const pool = await directoryPool({
      directory: volumes,
      host,
      isShared: name !== local,
      runDir,
    });
    await pool.tend();
    return { pool, blobs: await fileBlobs(images) };
  }

  async function directoriesOf(name: string) {
    const directory = pools[name];
    if (directory) return makePool(directory);
    throw problem("unavailable", "pool_unreachable", `This host cannot reach the pool ${name}.`, {
      fix: "See which hosts can: holdfast hosts",
    });
  }
}

/** Guests' processes run as users of their own and must get through to their files. */
async function makePool(directory: string) {
  const place = { volumes: join(directory, "volumes"), images: join(directory, "images") };
  await mkdir(place.volumes, { recursive: true });
  await mkdir(place.images, { recursive: true });
  await chmod(directory, 0o755);
  await chmod(place.volumes, 0o711);
  return place;
}
