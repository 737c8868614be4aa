/**
 * Makes a disk start by itself: puts GRUB where the firmware (BIOS) looks for it, as grub-install would on a
 * machine that runs from that disk. Here the disk is a file, and no loop device is needed.
 *
 * The first sector holds 440 bytes of code in front of the partition table. They load one sector of GRUB's
 * own partition, and that one loads the rest; both have to be told where that is.
 */
import { open } from "node:fs/promises";

const sector = 512;
/** Offsets in boot.img, from GRUB's boot.S: where the next stage is, and a check for broken firmware. */
const first = { code: 440, next: 0x5c, check: 0x66 };
/** In the first sector of core.img, from diskboot.S: start (8 bytes), count (2) and segment (2) of the rest. */
const rest = { start: sector - 12, count: sector - 4, segment: sector - 2 };
/** Where the rest is put in memory, in paragraphs: right behind its first sector. */
const segment = 0x820;

/** `partition` is GRUB's, in bytes. Throws if `core` does not fit there. */
export function loaderParts(
  boot: Buffer,
  core: Buffer,
  partition: { readonly at: number; readonly bytes: number },
): { readonly code: Buffer; readonly core: Buffer } {
  if (boot.length !== sector || core.length <= sector || core.length > partition.bytes)
    throw new Error(`GRUB has ${boot.length} and ${core.length} bytes, which do not fit`);
  const begin = partition.at / sector;
  const code = Buffer.from(boot.subarray(0, first.code));
  code.writeBigUInt64LE(BigInt(begin), first.next);
  // Two no-operations instead of a jump, as grub-install does for a hard disk.
  code.writeUInt16LE(0x9090, first.check);
  const padded = Buffer.alloc(Math.ceil(core.length / sector) * sector);
  core.copy(padded);
  padded.writeBigUInt64LE(BigInt(begin + 1), rest.start);
  padded.writeUInt16LE(padded.length / sector - 1, rest.count);
  padded.writeUInt16LE(segment, rest.segment);
  return { code, core: padded };
}

/** Writes both into a disk that has its partitions already. */
export async function writeLoader(
  disk: string,
  parts: { readonly code: Buffer; readonly core: Buffer },
  at: number,
): Promise<void> {
  const handle = await open(disk, "r+");
  try {
    await handle.write(parts.code, 0, parts.code.length, 0);
    await handle.write(parts.core, 0, parts.core.length, at);
  } finally {
    await handle.close();
  }
}
