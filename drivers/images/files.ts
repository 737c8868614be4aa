/**
 * Blobs as files: `sha256/<hex>` below one directory, read-only, each named by its own checksum.
 *
 * A file has its final name only when every byte of it is on the disk and checked. What the power
 * going out leaves behind is a temporary file, and the next `fileBlobs` deletes that.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Blobs, Digest } from "./driver.ts";
import { checksumMismatch, meansFull, storeFull } from "./problems.ts";
import { openTemporaries } from "./temporary.ts";

/** Opens the store below `directory`, making it if need be, and deletes what killed processes left. */
export async function fileBlobs(directory: string): Promise<Blobs> {
  const shelf = join(directory, "sha256");
  const incoming = join(directory, "incoming");
  await mkdir(shelf, { recursive: true });
  await mkdir(incoming, { recursive: true });
  const temporaries = await openTemporaries(incoming);

  return {
    async find(digest) {
      const file = join(shelf, hexOf(digest));
      return (await sizeOf(file)) === undefined ? undefined : file;
    },

    async put(content, expected) {
      const temporary = temporaries.next();
      try {
        const { digest, bytes } = await write(content, temporary);
        if (expected && expected !== digest) throw checksumMismatch(expected, digest);
        const file = join(shelf, hexOf(digest));
        // What is there has the same bytes, and guests may have it open: it stays.
        if ((await sizeOf(file)) !== bytes) {
          await rename(temporary, file);
          await syncDirectory(shelf);
        }
        return { digest, bytes };
      } catch (error) {
        throw meansFull(error) ? storeFull(error) : error;
      } finally {
        content.destroy();
        await rm(temporary, { force: true });
      }
    },

    async remove(digest) {
      await rm(join(shelf, hexOf(digest)), { force: true });
    },

    async list() {
      const names = await readdir(shelf);
      return names
        .filter((name) => /^[0-9a-f]{64}$/.test(name))
        .map((hex): Digest => `sha256:${hex}`);
    },
  };
}

async function write(
  content: Readable,
  file: string,
): Promise<{ readonly digest: Digest; readonly bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const handle = await open(file, "wx", 0o444);
  try {
    for await (const chunk of content) {
      const piece = Buffer.from(chunk);
      hash.update(piece);
      await handle.writeFile(piece); // Appends: a handle writes where it stands.
      bytes += piece.length;
    }
    await handle.chmod(0o444); // Whatever the umask: guests run as somebody else.
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { digest: `sha256:${hash.digest("hex")}`, bytes };
}

/** Also the wall against `sha256:../../etc/passwd`, should anybody forget to parse. */
function hexOf(digest: Digest): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (!hex) throw new Error("not a digest; parse it where it comes in");
  return hex;
}

async function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** A rename is on the disk only when its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  await handle.sync().finally(() => handle.close());
}
