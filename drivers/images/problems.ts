/**
 * Every problem that images and disks can have, in one place, so that the real and the simulated
 * implementation say the same words.
 *
 * None of them names a path of the host: the messages are read by whoever imported the image.
 */
import { codeOf } from "@holdfast/kernel/code-of";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Digest } from "./driver.ts";
import type { Recognised } from "./recognise.ts";

const asQcow2 = "qemu-img convert -O qcow2 SOURCE disk.qcow2";

export const checksumMismatch = (expected: Digest, actual: Digest): Problem =>
  problem(
    "invalid",
    "checksum_mismatch",
    `The content has the checksum ${actual}, not ${expected} as announced.`,
    {
      fix: "Compare the checksum with the one that its maker publishes, and fetch the file again.",
      facts: { expected, actual },
    },
  );

export const storeFull = (cause?: unknown): Problem =>
  problem(
    "exhausted",
    "store_full",
    "The disk that holds images and volumes is full. Nothing was left behind.",
    { fix: "Remove images or volumes that nobody needs, or give the state directory more space." },
    cause,
  );

const notAnImage = (looksLike: string): Problem =>
  problem(
    "invalid",
    "image_not_an_image",
    `This is not a disk image: it looks like ${looksLike}.`,
    {
      fix: `Give a qcow2 or raw disk image. Other formats become one with \`${asQcow2}\`.`,
      facts: { looksLike },
    },
  );

const hasBackingFile = (what: "backing" | "data"): Problem =>
  problem(
    "invalid",
    "image_has_backing_file",
    what === "backing"
      ? "This image is only the difference to another file, which it names as its backing file."
      : "This image keeps its content in another file, which it names as its data file.",
    { fix: `Make one whole image with \`${asQcow2}\` where both files are, then import that.` },
  );

const encrypted = (): Problem =>
  problem("invalid", "image_encrypted", "This image is encrypted, so no guest could read it.", {
    fix: `Decrypt it with \`${asQcow2}\` (give the key with --object secret), then import that.`,
  });

export const damaged = (why: string, cause?: unknown): Problem =>
  problem(
    "invalid",
    "image_damaged",
    `This image is damaged: ${why}.`,
    { fix: "Fetch or make the image again. `qemu-img check FILE` says what is wrong with it." },
    cause,
  );

/** Lets through what may become an image, and refuses everything else with its own problem. */
export function admit(seen: Recognised): Extract<Recognised, { is: "qcow2" | "raw" }> {
  switch (seen.is) {
    case "no image":
      throw notAnImage(seen.looksLike);
    case "encrypted":
      throw encrypted();
    case "raw":
      return seen;
    case "qcow2":
      if (seen.header.hasBackingFile) throw hasBackingFile("backing");
      if (seen.header.hasDataFile) throw hasBackingFile("data");
      if (seen.header.isEncrypted) throw encrypted();
      if (seen.header.isDamaged) throw damaged("its tables are marked as corrupt or cut off");
      return seen;
    default:
      return unreachable(seen);
  }
}

/** Does this error of the file system mean that there is no room? */
export const meansFull = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT"].includes(codeOf(error) ?? "");
