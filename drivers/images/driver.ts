/**
 * Where images and disks live on a machine, and what may be done with them.
 *
 * Blobs are content-addressed: the name of a file is the SHA-256 of what is in it, so a blob that
 * exists is whole and right, two imports of the same bytes are one file, and nothing ever changes
 * under a guest. Every write goes to a temporary name and is renamed only when it has been checked.
 */
import type { Readable } from "node:stream";

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

export type ImageFormat = "qcow2" | "raw";

/** What a disk image turned out to be when somebody looked. */
export interface Inspected {
  readonly format: ImageFormat;
  /** How big the disk looks to a guest. */
  readonly virtualBytes: number;
  /** How much the file takes. */
  readonly fileBytes: number;
}

export interface Blobs {
  /** The file of a blob, or undefined if it is not here. */
  find(digest: Digest): Promise<string | undefined>;
  /**
   * Take in a stream. Rejects with `checksum_mismatch` if `expected` is given and differs, with
   * `store_full` when the disk is full; leaves nothing behind in either case.
   */
  put(
    content: Readable,
    expected?: Digest,
  ): Promise<{ readonly digest: Digest; readonly bytes: number }>;
  /** Delete a blob; absent is fine. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly Digest[]>;
}

export interface Disks {
  /**
   * Look at a disk image without trusting it. Rejects with `image_not_an_image` (says what it looks
   * like instead), `image_has_backing_file`, `image_encrypted` or `image_damaged`.
   */
  inspect(file: string): Promise<Inspected>;
  /**
   * Make sure that `file` is a qcow2 overlay on `backing`, at least `virtualBytes` big, for its owner only. If it exists
   * it is left alone, whatever is in it. Rejects with `store_full` or `image_damaged`.
   */
  ensureOverlay(
    file: string,
    backing: { readonly file: string; readonly format: ImageFormat },
    virtualBytes: number,
  ): Promise<void>;
  /** Absent is fine. */
  remove(file: string): Promise<void>;
}
