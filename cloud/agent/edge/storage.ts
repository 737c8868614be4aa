/** What an agent needs of the storage of its host. */
import type { PoolFacts } from "@holdfast/cloud/hosts";
import type { Digest } from "@holdfast/drivers/images";
import type { BackupPlace, VolumePool } from "@holdfast/drivers/volumes";

/** Where volumes and the images under them are, by pool. */
export interface Storage {
  /** All that this host was set up with, whether they can be reached or not. */
  readonly pools: readonly PoolFacts[];
  /** Rejects with `pool_unreachable`; the next call tries again. */
  pool(name: string): Promise<VolumePool>;
  /** The file of a blob in this pool, fetched from a manager if need be. */
  ensureBlob(digest: Digest, pool: string): Promise<string>;
  backups(directory: string): BackupPlace;
  /** Has `write` make a file, and brings it to a manager as a blob. Nothing of it stays here. */
  publish(write: (file: string) => Promise<void>): Promise<Published>;
}

export interface Published {
  readonly digest: Digest;
  /** Of the file. */
  readonly bytes: number;
  readonly virtualBytes: number;
}
