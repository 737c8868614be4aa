/**
 * Where the volumes of this host are: its own directory, those of the shared pools that it can reach, and those
 * that a storage host serves, which may be this one.
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
import { nbdPool } from "@holdfast/drivers/volumes/nbd";
import { doorsTo, type PoolKeeper, remotePool } from "@holdfast/drivers/volumes/remote";
import { problem } from "@holdfast/kernel/problem";
import type { Clock } from "@holdfast/kernel/time";
import { z } from "zod";
import { type DoorServer, doorTo, serveDoor } from "./pool-door.ts";

const Keys = z.strictObject({ certificate: z.string(), key: z.string(), authority: z.string() });

export interface StorageOptions {
  /** Directories of the pool `local`. */
  readonly local: { readonly volumes: string; readonly images: string };
  /** Shared pools: name to directory. */
  readonly pools: Readonly<Record<string, string>>;
  /** Served by a storage host: by name. */
  readonly blocks?: Readonly<Record<string, BlockPool>>;
  /** For sockets: short, passable for guests' processes. */
  readonly runDir: string;
  readonly managers: readonly string[];
  readonly membership: Membership;
  /** For the claims. */
  readonly host: string;
  readonly clock: Clock;
}

/** A pool whose volumes are served over the network. `keys` for the way of the bytes; in the clear without. */
export const BlockPool = z.union([
  z.strictObject({
    /** This host keeps it. */
    serve: z.strictObject({
      directory: z.string(),
      /** That other hosts reach this one at. */
      address: z.string(),
      /** The port of the door (pool-door.ts), and one for each volume that is open. */
      door: z.number().int(),
      ports: z.strictObject({ first: z.number().int(), count: z.number().int().positive() }),
    }),
    keys: Keys.optional(),
  }),
  z.strictObject({ at: z.string(), door: z.number().int(), keys: Keys.optional() }),
]);
export type BlockPool = z.output<typeof BlockPool>;

interface Place {
  readonly pool: VolumePool;
  readonly blobs: Blobs;
}

const local = "local";

export interface HostStorage extends Storage {
  close(): Promise<void>;
}

export async function poolStorage(options: StorageOptions): Promise<HostStorage> {
  const { pools, managers, membership, host, clock, runDir, blocks = {} } = options;
  const leaving = join(options.local.images, "leaving");
  const places = new Map<string, Promise<Place>>();
  let own: Promise<Blobs> | undefined;
  await rm(leaving, { recursive: true, force: true }); // What an agent that was killed has left.
  await mkdir(leaving, { recursive: true, mode: 0o700 });
  const servers = await openDoors();

  return {
    pools: [
      { pool: local, kind: "directory", isShared: false, canRevoke: false },
      ...Object.keys(pools).map(
        (pool) => ({ pool, kind: "directory", isShared: true, canRevoke: false }) as const,
      ),
      ...Object.keys(blocks).map(
        (pool) => ({ pool, kind: "nbd", isShared: true, canRevoke: true }) as const,
      ),
    ],

    pool: async (name) => (await placeOf(name)).pool,

    ensureBlob,

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

    async close() {
      for (const server of servers) await server.close();
      for (const place of places.values())
        await place.then(({ pool }) => pool.close()).catch(() => {}); // It was never opened.
    },
  };

  async function ensureBlob(digest: Digest, pool: string): Promise<string> {
    const { blobs } = await placeOf(pool);
    const here = await blobs.find(digest);
    if (here) return here;
    await blobs.put(await fetchBlob(managers, membership, digest), digest);
    const fetched = await blobs.find(digest);
    if (!fetched) throw new Error(`${digest} is gone as soon as it came`);
    return fetched;
  }

  /** For other hosts, to the pools that this one keeps. */
  async function openDoors(): Promise<readonly DoorServer[]> {
    const opened: DoorServer[] = [];
    for (const [name, block] of Object.entries(blocks)) {
      if (!("serve" in block)) continue;
      const { address, door: port } = block.serve;
      const { pool } = await placeOf(name);
      const keeper: PoolKeeper = {
        pool,
        // A blob's file is called by its checksum, on every host.
        imageFile: (hex) => ensureBlob(`sha256:${hex}`, local),
        backups: (directory) => directoryBackups(directory, clock),
      };
      const all = new Map([[name, keeper]]);
      opened.push(await serveDoor({ address, port, membership, leaving, pools: all }));
    }
    return opened;
  }

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
    const block = blocks[name];
    if (block) return { pool: await openBlock(name, block), blobs: await localBlobs() };
    const { volumes, images } = name === local ? options.local : await directoriesOf(name);
    const pool = await directoryPool({
      directory: volumes,
      host,
      isShared: name !== local,
      runDir,
    });
    await pool.tend();
    return { pool, blobs: name === local ? await localBlobs() : await fileBlobs(images) };
  }

  function localBlobs(): Promise<Blobs> {
    own ??= fileBlobs(options.local.images);
    return own;
  }

  async function openBlock(name: string, block: BlockPool): Promise<VolumePool> {
    const keys = block.keys ? { keys: block.keys } : {};
    if ("serve" in block) {
      const { directory, address, ports } = block.serve;
      const listen = { address, ports, ...keys };
      const pool = await nbdPool({ directory, host, runDir: join(runDir, name), listen });
      await pool.tend();
      return pool;
    }
    const doors = doorsTo({ runDir: join(runDir, "doors"), ...keys });
    await doors.tend();
    const door = doorTo(block.at, block.door, name, membership);
    return remotePool({ door, address: block.at, doors });
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
