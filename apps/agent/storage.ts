/**
 * Where the volumes of this host are: its own directory, and those of the shared pools that it can reach.
 *
 * A shared pool must be mounted at the same path on every host, because an overlay names the image below it
 * by its path. The images of a pool are in the pool, so that a volume can be opened where its image has
 * never been.
 */
import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { fetchBlob, type Membership, type Storage } from "@holdfast/cloud/agent/edge";
import type { MachineRef } from "@holdfast/drivers/hypervisor";
import type { Digest } from "@holdfast/drivers/images";
import { fileBlobs } from "@holdfast/drivers/images/files";
import type { VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { z } from "zod";

export interface StorageOptions {
  /** Directories of the pool `local`. */
  readonly local: { readonly volumes: string; readonly images: string };
  /** Shared pools: name to directory. */
  readonly pools: Readonly<Record<string, string>>;
  readonly managers: readonly string[];
  readonly membership: Membership;
  /** For the claims. */
  readonly host: string;
}

const Claim = z.object({ instance: z.string(), generation: z.number(), host: z.string() });

export async function poolStorage(options: StorageOptions): Promise<Storage> {
  const { local, pools, managers, membership, host } = options;
  const places = new Map([["local", local]]);
  for (const [name, directory] of Object.entries(pools))
    places.set(name, await makePool(directory));
  const stores = new Map(
    await Promise.all(
      [...places].map(async ([name, { images }]) => [name, await fileBlobs(images)] as const),
    ),
  );
  const volumesOf = (pool: string) => {
    const place = places.get(pool);
    if (place) return place.volumes;
    throw problem("unavailable", "pool_unreachable", `This host cannot reach the pool ${pool}.`, {
      fix: "See which hosts can: holdfast hosts",
    });
  };

  return {
    volumeFile: (volume, pool) => join(volumesOf(pool), `${volume}.qcow2`),

    async ensureBlob(digest: Digest, pool: string) {
      volumesOf(pool);
      const blobs = stores.get(pool);
      const here = await blobs?.find(digest);
      if (here) return here;
      await blobs?.put(await fetchBlob(managers, membership, digest), digest);
      const fetched = await blobs?.find(digest);
      if (!fetched) throw new Error(`${digest} is gone as soon as it came`);
      return fetched;
    },

    async claim(volume: VolumeId, pool: string, { id: instance, generation }: MachineRef) {
      const file = join(volumesOf(pool), `${volume}.claim`);
      const known = readClaim(await readFile(file, "utf8").catch(noneYet));
      if (known && known.instance === instance && known.generation > generation)
        throw problem(
          "conflict",
          "volume_claimed",
          `Generation ${known.generation} of this instance has its volume, on host ${known.host}.`,
          { fix: "Nothing: this launch was overtaken by a younger one." },
        );
      const writer = await open(`${file}.${host}`, "w", 0o600);
      try {
        await writer.writeFile(JSON.stringify({ instance, generation, host }));
        await writer.sync();
      } finally {
        await writer.close();
      }
      await rename(`${file}.${host}`, file);
    },
  };
}

/** Claims appear whole, so what is none was not written by a host. */
function readClaim(text: string) {
  try {
    return Claim.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Only that there is no file means that nobody has claimed it: one that cannot be read may say anything. */
function noneYet(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
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
