/**
 * Blobs and disks in memory. The world they live in is passed in and outlives them, as a real disk
 * outlives the process that uses it.
 *
 * It is the bytes that are simulated, not the verdicts: files are recognised by the same code as the
 * real ones, so a test that imports nonsense is refused here too.
 */
import { createHash } from "node:crypto";
import type { Blobs, Digest, Disks } from "./driver.ts";
import { admit, checksumMismatch, damaged, storeFull } from "./problems.ts";
import { headBytes, recognise } from "./recognise.ts";

export interface SimulatedStore {
  /** By path. */
  readonly files: Map<string, Buffer>;
  /** How many bytes fit, all files together. */
  capacity: number;
}

export function simulatedBlobs(store: SimulatedStore, directory = "/blobs"): Blobs {
  const pathOf = (digest: Digest) => `${directory}/${digest}`;
  return {
    async find(digest) {
      return store.files.has(pathOf(digest)) ? pathOf(digest) : undefined;
    },
    async put(content, expected) {
      const pieces: Buffer[] = [];
      for await (const chunk of content) pieces.push(Buffer.from(chunk));
      const bytes = Buffer.concat(pieces);
      const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      if (expected && expected !== digest) throw checksumMismatch(expected, digest);
      write(store, pathOf(digest), bytes);
      return { digest, bytes: bytes.length };
    },
    async remove(digest) {
      store.files.delete(pathOf(digest));
    },
    async list() {
      const prefix = `${directory}/`;
      const paths = [...store.files.keys()].filter((path) => path.startsWith(`${prefix}sha256:`));
      // The prefix was just seen to be there.
      return paths.map((path) => path.slice(prefix.length) as Digest);
    },
  };
}

export function simulatedDisks(store: SimulatedStore): Disks {
  return {
    async inspect(file) {
      const { seen, fileBytes } = look(store, file);
      const image = admit(seen);
      if (image.is === "raw") return { format: "raw", virtualBytes: fileBytes, fileBytes };
      return { format: "qcow2", virtualBytes: image.header.virtualBytes, fileBytes };
    },
    async ensureOverlay(file, backing, virtualBytes) {
      if (store.files.has(file)) return;
      const { seen, fileBytes } = look(store, backing.file);
      const size = seen.is === "qcow2" ? seen.header.virtualBytes : fileBytes;
      if (backing.format === "qcow2" && seen.is !== "qcow2")
        throw damaged("it was a qcow2 image once, and is none any more");
      write(store, file, overlay(backing.file, Math.max(size, virtualBytes)));
    },
    async remove(file) {
      store.files.delete(file);
    },
  };
}

function look(store: SimulatedStore, file: string) {
  const bytes = store.files.get(file);
  if (!bytes) throw damaged("its file is not there");
  return { seen: recognise(bytes.subarray(0, headBytes), bytes.length), fileBytes: bytes.length };
}

function write(store: SimulatedStore, path: string, bytes: Buffer): void {
  if (store.files.has(path)) return;
  const used = [...store.files.values()].reduce((sum, file) => sum + file.length, 0);
  if (used + bytes.length > store.capacity) throw storeFull();
  store.files.set(path, bytes);
}

/** The header of a qcow2 file, and no tables: enough to be recognised as an overlay. */
function overlay(backing: string, virtualBytes: number): Buffer {
  const name = Buffer.from(backing);
  const header = Buffer.alloc(104);
  header.write("QFI\xfb", "latin1");
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(104n, 8);
  header.writeUInt32BE(name.length, 16);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(BigInt(Math.ceil(virtualBytes / 512) * 512), 24);
  header.writeUInt32BE(104, 100);
  return Buffer.concat([header, name]);
}
