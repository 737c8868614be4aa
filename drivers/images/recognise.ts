/**
 * Tells what a file is from its own bytes, before any program that could be fooled opens it.
 *
 * QEMU guesses formats too, and its guess is an old hole: a guest can write a qcow2 header into its
 * own raw disk, name a file of the host as backing file there, and read it after the next start. So
 * the format is decided here once, at import, and handed to QEMU from then on.
 */

/** How much of the beginning `recognise` wants to see: the farthest signature, btrfs's, ends here. */
export const headBytes = 0x1_0048;

export type Recognised =
  | { readonly is: "qcow2"; readonly header: Qcow2Header }
  /** `content` is what gave it away: "an ext4 file system". */
  | { readonly is: "raw"; readonly content: string }
  | { readonly is: "encrypted" }
  /** `looksLike` completes "It looks like …". */
  | { readonly is: "no image"; readonly looksLike: string };

export interface Qcow2Header {
  readonly virtualBytes: number;
  readonly hasBackingFile: boolean;
  /** The header holds the tables, the guest's bytes are in a second file. */
  readonly hasDataFile: boolean;
  readonly isEncrypted: boolean;
  /** Marked by QEMU itself, or the file ends before the tables that the header names. */
  readonly isDamaged: boolean;
}

/** `head` is the beginning of the file (see `headBytes`), `fileBytes` the size of all of it. */
export function recognise(head: Buffer, fileBytes: number): Recognised {
  if (startsWith(head, "QFI\xfb")) {
    const header = qcow2Header(head, fileBytes);
    return header
      ? { is: "qcow2", header }
      : {
          is: "no image",
          looksLike: "a qcow2 image of a version that is not known, or a part of one",
        };
  }
  if (startsWith(head, "LUKS\xba\xbe")) return { is: "encrypted" };
  const other = others.find(({ at, bytes }) => has(head, at, bytes));
  if (other) return { is: "no image", looksLike: other.name };
  const disk = disks.find(({ at, bytes }) => has(head, at, bytes));
  if (disk && fileBytes % 512 === 0) return { is: "raw", content: disk.name };
  if (disk)
    return {
      is: "no image",
      looksLike: `${disk.name}, cut off in the middle of a 512-byte sector`,
    };
  return { is: "no image", looksLike: guess(head, fileBytes) };
}

interface Signature {
  readonly name: string;
  readonly at: number;
  /** As latin1: one character, one byte. */
  readonly bytes: string;
}

/** What people import by mistake. Asked first: a tar of a disk has the disk's signature somewhere too. */
const others: readonly Signature[] = [
  { name: "gzip data; unpack it first", at: 0, bytes: "\x1f\x8b" },
  { name: "xz data; unpack it first", at: 0, bytes: "\xfd7zXZ\0" },
  { name: "zstd data; unpack it first", at: 0, bytes: "\x28\xb5\x2f\xfd" },
  { name: "bzip2 data; unpack it first", at: 0, bytes: "BZh" },
  { name: "a zip archive; unpack it first", at: 0, bytes: "PK\x03\x04" },
  { name: "a 7z archive; unpack it first", at: 0, bytes: "7z\xbc\xaf\x27\x1c" },
  { name: "a tar archive (an OVA is one too); unpack it first", at: 257, bytes: "ustar" },
  { name: "a VMDK disk; convert it with qemu-img", at: 0, bytes: "KDMV" },
  {
    name: "a VMDK descriptor; convert the disk with qemu-img",
    at: 0,
    bytes: "# Disk DescriptorFile",
  },
  { name: "a VHDX disk; convert it with qemu-img", at: 0, bytes: "vhdxfile" },
  { name: "a VHD disk; convert it with qemu-img", at: 0, bytes: "conectix" },
  { name: "a VDI disk; convert it with qemu-img", at: 0x40, bytes: "\x7f\x10\xda\xbe" },
  { name: "a QED disk; convert it with qemu-img", at: 0, bytes: "QED\0" },
  { name: "a program", at: 0, bytes: "\x7fELF" },
  { name: "a Debian package", at: 0, bytes: "!<arch>\ndebian" },
  { name: "a PDF document", at: 0, bytes: "%PDF" },
];

const disks: readonly Signature[] = [
  { name: "a disk with a GPT partition table", at: 512, bytes: "EFI PART" },
  { name: "a disk with a boot sector", at: 510, bytes: "\x55\xaa" },
  { name: "an ext2, ext3 or ext4 file system", at: 0x438, bytes: "\x53\xef" },
  { name: "an XFS file system", at: 0, bytes: "XFSB" },
  { name: "a btrfs file system", at: 0x10040, bytes: "_BHRfS_M" },
  { name: "an F2FS file system", at: 0x400, bytes: "\x10\x20\xf5\xf2" },
  { name: "an EROFS file system", at: 0x400, bytes: "\xe2\xe1\xf5\xe0" },
  { name: "a SquashFS file system", at: 0, bytes: "hsqs" },
  { name: "an ISO 9660 file system", at: 0x8001, bytes: "CD001" },
  { name: "an LVM physical volume", at: 512, bytes: "LABELONE" },
];

/** Undefined if this is not a header of version 2 or 3, the only ones there are since 2008. */
function qcow2Header(head: Buffer, fileBytes: number): Qcow2Header | undefined {
  if (head.length < 104) return undefined;
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return undefined;
  // Incompatible features exist since version 3: 2 is "corrupt", 4 "has a data file".
  const features = version === 3 ? Number(head.readBigUInt64BE(72) & 0xffn) : 0;
  const cluster = 2 ** head.readUInt32BE(20);
  const endOfL1 = Number(head.readBigUInt64BE(40)) + head.readUInt32BE(36) * 8;
  const endOfRefcounts = Number(head.readBigUInt64BE(48)) + head.readUInt32BE(56) * cluster;
  return {
    virtualBytes: Number(head.readBigUInt64BE(24)),
    hasBackingFile: head.readBigUInt64BE(8) !== 0n,
    hasDataFile: (features & 4) !== 0,
    isEncrypted: head.readUInt32BE(32) !== 0,
    isDamaged: (features & 2) !== 0 || endOfL1 > fileBytes || endOfRefcounts > fileBytes,
  };
}

function guess(head: Buffer, fileBytes: number): string {
  if (fileBytes === 0) return "an empty file";
  if (head.every((byte) => byte === 0))
    return "a blank disk: there are only zeros at its beginning";
  const text = textOf(head)?.trimStart().toLowerCase();
  if (text !== undefined) {
    if (/^(<!doctype html|<html|<head|<body)/.test(text))
      return "an HTML page, perhaps an error page or a login";
    if (text.startsWith("<")) return "an XML document";
    return /^[[{]/.test(text) ? "a JSON document" : "text";
  }
  return `data of no known kind, beginning with the bytes ${head.subarray(0, 8).toString("hex")}`;
}

/** The first lines as text, or undefined if they are not: not UTF-8, or with control characters. */
function textOf(head: Buffer): string | undefined {
  const start = head.subarray(0, 1024);
  // White space (tab to carriage return) and escape are the control characters that text has.
  if (start.some((byte) => byte < 32 && !(byte >= 9 && byte <= 13) && byte !== 27))
    return undefined;
  try {
    // As part of a stream, because the last character may be cut off.
    return new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true });
  } catch {
    return undefined;
  }
}

function startsWith(head: Buffer, bytes: string): boolean {
  return has(head, 0, bytes);
}

function has(head: Buffer, at: number, bytes: string): boolean {
  return head.toString("latin1", at, at + bytes.length) === bytes;
}
