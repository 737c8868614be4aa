/**
 * From Debian's compressed kernel (a bzImage) to the ELF file inside.
 *
 * Started from the ELF file, a guest does not spend its first seconds unpacking its own kernel in
 * emulated code: measured, 4 of 6.5 seconds. QEMU can do so only if the kernel has a PVH entry, which
 * Debian's amd64 kernels have; without it QEMU would refuse with a message that nobody understands,
 * so it is looked for here.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import type { Run } from "../run.ts";
import { hasPvhEntry, isElf, withoutTrailingZeros } from "./elf.ts";
import { tinyBuildFailed } from "./run.ts";

/** Offsets in the header of a bzImage, from the Linux x86 boot protocol, version 2.08 and later. */
const header = { setupSectors: 0x1f1, magic: 0x202, payloadOffset: 0x248, payloadLength: 0x24c };

const compressions = [
  { magic: Buffer.from("fd377a585a00", "hex"), unpack: ["xz", "-dc"] },
  { magic: Buffer.from("28b52ffd", "hex"), unpack: ["zstd", "-dcq"] },
  { magic: Buffer.from("1f8b", "hex"), unpack: ["gzip", "-dc"] },
];

/** `scratch` is a path for a temporary file. */
export async function unpackKernel(run: Run, bzImage: string, scratch: string): Promise<Buffer> {
  const step = "unpack the kernel";
  const refuse = (why: string) =>
    tinyBuildFailed(step, why, "Report this: the kernel package has changed its form.");
  const payload = payloadOf(await readFile(bzImage));
  const compression = compressions.find(({ magic }) =>
    payload?.subarray(0, magic.length).equals(magic),
  );
  if (!payload || !compression) throw refuse("It is not packed in a way that is known here.");
  const unpacked = `${scratch}.elf`;
  try {
    // After the packed kernel come four bytes with its size, which an unpacker would complain of.
    await writeFile(scratch, payload.subarray(0, -4));
    const script = 'from=$1; to=$2; shift 2; "$@" <"$from" >"$to"';
    const argv = ["bash", "-c", script, "unpack", scratch, unpacked, ...compression.unpack];
    await run(step, argv, "Type `apt-get install xz-utils zstd`, then try again.");
    const kernel = await readFile(unpacked);
    const size = payload.readUInt32LE(payload.length - 4);
    if (!isElf(kernel) || kernel.length !== size)
      throw refuse("What was inside is not a whole kernel.");
    if (!hasPvhEntry(kernel)) throw refuse("The kernel has no PVH entry, so QEMU cannot start it.");
    return withoutTrailingZeros(kernel);
  } finally {
    await rm(scratch, { force: true });
    await rm(unpacked, { force: true });
  }
}

function payloadOf(bzImage: Buffer): Buffer | undefined {
  if (
    bzImage.length < 0x250 ||
    bzImage.toString("latin1", header.magic, header.magic + 4) !== "HdrS"
  )
    return undefined;
  // Zero means four, for kernels of the last century.
  const setup = ((bzImage[header.setupSectors] || 4) + 1) * 512;
  const start = setup + bzImage.readUInt32LE(header.payloadOffset);
  return bzImage.subarray(start, start + bzImage.readUInt32LE(header.payloadLength));
}
