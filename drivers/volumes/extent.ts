/**
 * Whether a qcow2 file still has all the clusters that its tables point to. QEMU raises no event when a file
 * is cut under it: the guest goes on and reads zeros.
 *
 * It may be asked of a file that a guest writes to, unlike `qemu-img check`, which takes what QEMU has not
 * written yet for damage: a table on the disk may be old, but it never points behind the end of the file.
 */
import { type FileHandle, open } from "node:fs/promises";

/** Of a table of a qcow2 image: what is left is flags. */
const address = 0x00fffffffffffe00n;
/** A cluster of compressed data has its address in other bits, and is not looked at. */
const compressed = 1n << 62n;
const entryBytes = 8;

/** What is wrong, or undefined. Reads the tables only: an eight-thousandth of what is in the volume. */
export async function findCut(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    return await scan(handle);
  } finally {
    await handle.close();
  }
}

async function scan(handle: FileHandle): Promise<string | undefined> {
  const { size } = await handle.stat();
  const header = await read(handle, 0, 104);
  if (header.length < 104 || header.toString("latin1", 0, 4) !== "QFI\xfb")
    return "its beginning is not that of a volume";
  const cluster = 2 ** header.readUInt32BE(20);
  const entries = header.readUInt32BE(36);
  const at = Number(header.readBigUInt64BE(40));
  const refcounts = Number(header.readBigUInt64BE(48)) + header.readUInt32BE(56) * cluster;
  const ends = at + entries * entryBytes;
  if (ends > size || refcounts > size + cluster) return cut(Math.max(ends, refcounts), size);
  const first = await read(handle, at, entries * entryBytes);
  for (const table of addressesIn(first)) {
    if (table + cluster > size) return cut(table + cluster, size);
    const furthest = Math.max(0, ...addressesIn(await read(handle, table, cluster)));
    // The last cluster of all may be shorter than others.
    if (furthest > size) return cut(furthest, size);
  }
  return undefined;
}

const cut = (needs: number, has: number) =>
  `its file was cut: it has ${has} bytes and should have ${needs} at least`;

function* addressesIn(table: Buffer): Generator<number> {
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    const entry = table.readBigUInt64BE(at);
    const points = (entry & compressed) === 0n ? Number(entry & address) : 0;
    if (points > 0) yield points;
  }
}

async function read(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, at);
  return buffer.subarray(0, bytesRead);
}
