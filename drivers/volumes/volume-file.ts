/**
 * What is in the qcow2 file of one volume, and whether it is sound.
 *
 * Looking works while a guest writes (`-U`), since what is looked at changes only by our own doing. Checking
 * does not: what QEMU has not written yet looks like damage.
 */
import { open } from "node:fs/promises";
import type { Instant } from "@holdfast/kernel/time";
import type { Checked, ImageFile, Snapshot } from "./driver.ts";
import { findCut } from "./extent.ts";
import { badName } from "./problems.ts";
import { qemuImg, tryQemuImg } from "./programs.ts";

export interface VolumeInfo {
  readonly bytes: number;
  /** The oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** The image below it. */
  readonly backing?: ImageFile;
  /** Of backups that no later one can build on any more. */
  readonly spoiltBitmaps: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

export async function infoOf(file: string): Promise<VolumeInfo> {
  const info = record(
    JSON.parse(await qemuImg("info", "-U", "-f", "qcow2", "--output=json", file)),
  );
  const backing = info["full-backing-filename"] ?? info["backing-filename"];
  const format = info["backing-filename-format"];
  const data = record(record(info["format-specific"]).data);
  return {
    bytes: Number(info["virtual-size"]),
    snapshots: records(info.snapshots).map((each) => ({
      name: String(each.name),
      at: (Number(each["date-sec"]) * 1_000 +
        Math.floor(Number(each["date-nsec"]) / 1_000_000)) as Instant, // By the clock of this host.
    })),
    ...(typeof backing === "string"
      ? { backing: { file: backing, format: format === "raw" ? "raw" : "qcow2" } }
      : {}),
    spoiltBitmaps: records(data.bitmaps)
      .filter(({ flags }) => Array.isArray(flags) && flags.includes("in-use"))
      .map(({ name }) => String(name)),
  };
}

/** From the header alone, without starting anything. */
export async function virtualBytesOf(file: string): Promise<number> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 24);
    return Number(buffer.readBigUInt64BE());
  } finally {
    await handle.close();
  }
}

/** From the header alone: without any there is no need to start a program that lists them. */
export async function hasSnapshots(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 60);
    return buffer.readUInt32BE() > 0;
  } finally {
    await handle.close();
  }
}

/** Of one that somebody has open only whether a part of its file is missing. */
export async function checkFile(file: string): Promise<Checked> {
  const what = ["-f", "qcow2", "--output=json", file];
  const { code, stderr } = await tryQemuImg("check", ...what);
  if (/Failed to get .* lock/.test(stderr)) {
    const why = await findCut(file);
    return why === undefined ? { is: "sound" } : { is: "damaged", why };
  }
  // 0: nothing; 3: lost space, which harms nobody; 2: corrupt; 1: it could not even look.
  if (code !== 0 && code !== 3)
    return { is: "damaged", why: (await findCut(file)) ?? lastLine(stderr) };
  const chain = await tryQemuImg("info", "-U", "--backing-chain", ...what);
  if (chain.code !== 0) return { is: "damaged", why: lastLine(chain.stderr) };
  return { is: "sound" };
}

export const create = async (file: string, bytes: number): Promise<void> =>
  void (await qemuImg("create", "-q", "-f", "qcow2", file, `${bytes}`));

/** All of an image, and of what is below it. */
export const copy = async (from: string, format: string, to: string): Promise<void> =>
  void (await qemuImg("convert", "-f", format, "-O", "qcow2", from, to));

/** Of a snapshot. Throws `bad_storage_name`. */
export function named(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) throw badName(name);
  return name;
}

const lastLine = (said: string) =>
  said
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^qemu-img: /, "") || "its tables contradict each other";

const isRecord = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const record = (value: unknown): Json => (isRecord(value) ? value : {});
const records = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter(isRecord) : [];
