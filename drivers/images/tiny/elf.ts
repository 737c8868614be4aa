/**
 * The little that the image builder must know about ELF, the format of kernels and kernel modules.
 *
 * Only 64-bit little-endian files are read (all of amd64's are), and every offset in them is checked
 * by Buffer itself, which throws a RangeError on a file that lies about its own size.
 */

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const LOAD = 1;
const NOTE = 4;
/** XEN_ELFNOTE_PHYS32_ENTRY: where QEMU jumps to when it starts a kernel directly (PVH). */
const PVH_NOTE = { owner: "Xen\0", type: 18 };

export function isElf(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/** The content of a section, or undefined if there is none of that name. */
export function findSection(elf: Buffer, name: string): Buffer | undefined {
  const sections = headers(
    elf,
    elf.readBigUInt64LE(40),
    elf.readUInt16LE(58),
    elf.readUInt16LE(60),
  );
  const bytesOf = (header: Buffer) =>
    range(elf, header.readBigUInt64LE(24), header.readBigUInt64LE(32));
  const names = sections[elf.readUInt16LE(62)];
  if (!names) return undefined;
  const text = bytesOf(names);
  const found = sections.find((header) => {
    const start = header.readUInt32LE(0);
    return text.toString("latin1", start, text.indexOf(0, start)) === name;
  });
  return found && bytesOf(found);
}

/** Can QEMU start this kernel without any firmware unpacking it first? */
export function hasPvhEntry(elf: Buffer): boolean {
  const notes = segments(elf).filter((header) => header.readUInt32LE(0) === NOTE);
  return notes.some((header) => {
    const bytes = range(elf, header.readBigUInt64LE(8), header.readBigUInt64LE(32));
    for (let at = 0; at + 12 <= bytes.length; ) {
      const nameSize = bytes.readUInt32LE(at);
      const owner = bytes.toString("latin1", at + 12, at + 12 + nameSize);
      if (owner === PVH_NOTE.owner && bytes.readUInt32LE(at + 8) === PVH_NOTE.type) return true;
      at += 12 + aligned(nameSize) + aligned(bytes.readUInt32LE(at + 4));
    }
    return false;
  });
}

/**
 * The same program without the zeros at the end of its segments and without its section table, which
 * only debuggers read. A third of Debian's kernel is such zeros: they would be copied into every
 * guest at each start and stay in QEMU's memory, where the kernel clears that memory itself anyway.
 */
export function withoutTrailingZeros(elf: Buffer): Buffer {
  const copy = Buffer.from(elf);
  let end = 64;
  for (const header of segments(copy)) {
    const start = Number(header.readBigUInt64LE(8));
    let size = Number(header.readBigUInt64LE(32));
    if (header.readUInt32LE(0) === LOAD) {
      while (size > 0 && copy[start + size - 1] === 0) size -= 1;
      header.writeBigUInt64LE(BigInt(size), 32);
    }
    end = Math.max(end, start + size);
  }
  copy.writeBigUInt64LE(0n, 40);
  copy.fill(0, 58, 64);
  return copy.subarray(0, end);
}

function segments(elf: Buffer): readonly Buffer[] {
  return headers(elf, elf.readBigUInt64LE(32), elf.readUInt16LE(54), elf.readUInt16LE(56));
}

function headers(elf: Buffer, at: bigint, size: number, count: number): readonly Buffer[] {
  const first = Number(at);
  return Array.from({ length: count }, (_, i) =>
    elf.subarray(first + i * size, first + (i + 1) * size),
  );
}

function range(elf: Buffer, start: bigint, size: bigint): Buffer {
  return elf.subarray(Number(start), Number(start + size));
}

function aligned(n: number): number {
  return Math.ceil(n / 4) * 4;
}
