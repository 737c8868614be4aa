/**
 * Encrypted qcow2 files: an empty one is made encrypted before anything is in it, and from then on says so itself.
 *
 * What the file says is what counts, not what somebody remembers: an encrypted one opens with its key only, and QEMU,
 * told that there is encryption, refuses one that has none. So nothing that was encrypted becomes plain by mistake. What is
 * below an overlay is as it was: of an image that is plain only what the guest writes is encrypted.
 */
import { type FileHandle, open } from "node:fs/promises";
import { luksHeader } from "./luks.ts";

const encryptedWithLuks = 2;
/** Header extension: where the header of the encryption is, and how long. */
const encryptionExtension = 0x0537be77;
const lengthOfRefcount = 2;
/** All that we write: version 3, clusters of 64 KiB, counts of 16 bits. */
const cluster = 65_536;

/** From the header alone. */
export async function isEncrypted(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(36), 0, 36, 0);
    return (
      bytesRead === 36 && buffer.toString("latin1", 0, 3) === "QFI" && buffer.readUInt32BE(32) !== 0
    );
  } finally {
    await handle.close();
  }
}

/** Of a qcow2 file that qemu-img has just made, and in which nothing is yet. It is opened with `key` from now on. */
export async function encryptEmpty(file: string, key: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    const head = await readAt(handle, 0, cluster);
    assertOurs(head);
    const header = luksHeader(key);
    const start = Math.ceil((await handle.stat()).size / cluster) * cluster;
    const clusters = Math.ceil(header.length / cluster);
    await handle.truncate(start + clusters * cluster);
    await writeAt(handle, start, header);
    await count(handle, head, start / cluster, clusters);
    await writeAt(handle, 0, withExtension(head, start, header.length));
  } finally {
    await handle.close();
  }
}

function assertOurs(head: Buffer): void {
  const [version, bits, order] = [4, 20, 96].map((at) => head.readUInt32BE(at));
  const isPlain = head.readUInt32BE(32) === 0 && head.readUInt32BE(60) === 0;
  if (version !== 3 || 1 << (bits ?? 0) !== cluster || order !== 4 || !isPlain)
    throw new Error("not an empty qcow2 file of the form that qemu-img makes");
}

/** Its new clusters are in use. An empty file has all counts in the first block. */
async function count(handle: FileHandle, head: Buffer, first: number, clusters: number) {
  const table = await readAt(handle, Number(head.readBigUInt64BE(48)), 8);
  const block = Number(table.readBigUInt64BE());
  if ((first + clusters) * lengthOfRefcount > cluster) throw new Error("the file is not empty");
  const counts = Buffer.alloc(clusters * lengthOfRefcount);
  for (let each = 0; each < clusters; each++) counts.writeUInt16BE(1, each * lengthOfRefcount);
  await writeAt(handle, block + first * lengthOfRefcount, counts);
}

/** The first cluster, with one extension more. The name of what is below stands after the last one, and moves. */
function withExtension(head: Buffer, start: number, length: number): Buffer {
  const next = Buffer.alloc(cluster);
  const headerLength = head.readUInt32BE(100);
  const [nameAt, nameLength] = [Number(head.readBigUInt64BE(8)), head.readUInt32BE(16)];
  let end = headerLength;
  while (head.readUInt32BE(end) !== 0) end += 8 + Math.ceil(head.readUInt32BE(end + 4) / 8) * 8;
  head.copy(next, 0, 0, headerLength);
  next.writeUInt32BE(encryptedWithLuks, 32);
  next.writeUInt32BE(encryptionExtension, headerLength);
  next.writeUInt32BE(16, headerLength + 4);
  next.writeBigUInt64BE(BigInt(start), headerLength + 8);
  next.writeBigUInt64BE(BigInt(length), headerLength + 16);
  head.copy(next, headerLength + 24, headerLength, end);
  if (nameAt === 0) return next;
  const moved = end + 24 + 8;
  if (moved + nameLength > cluster) throw new Error("the name of what is below is too long");
  head.copy(next, moved, nameAt, nameAt + nameLength);
  next.writeBigUInt64BE(BigInt(moved), 8);
  return next;
}

async function readAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw new Error("the file is cut short");
  return buffer;
}

/** All of it: a disk that has room for a part of it takes that part, and says no only to the next one. */
async function writeAt(handle: FileHandle, at: number, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}
