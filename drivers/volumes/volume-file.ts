/**
 * What is in the qcow2 file of one volume, and whether it is sound.
 *
 * Looking works while a guest writes (`-U`), since what is looked at changes only by our own doing. Checking
 * does not: what QEMU has not written yet looks like damage.
 */
import { open } from "node:fs/promises";
import type { Instant } from "@holdfast/kernel/time";
import type { Checked, ImageFile, Snapshot } from "./driver.ts";
import { encryptEmpty, isEncrypted } from "./encryption.ts";
import { findCut } from "./extent.ts";
import { badName, keyMissing, keyWrong } from "./problems.ts";
import {
  isAboutKey,
  type Locked,
  optionsOf,
  qemuImg,
  tryQemuImg,
  tryWithKey,
  worked,
} from "./programs.ts";

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
export async function checkFile(image: Locked): Promise<Checked> {
  const { file, key } = image;
  if (key === undefined && (await isEncrypted(file)))
    return { is: "unknown", why: keyMissing().message };
  const what = ["--output=json", "--image-opts", optionsOf(image)];
  const { code, stderr } = await tryWithKey(key, ["check", ...what]);
  if (/Failed to get .* lock/.test(stderr)) {
    const why = await findCut(file);
    return why === undefined ? { is: "sound" } : { is: "damaged", why };
  }
  if (isAboutKey(stderr)) return { is: "unknown", why: keyWrong().message };
  // 0: nothing; 3: lost space, which harms nobody; 2: corrupt; 1: it could not even look.
  if (code !== 0 && code !== 3)
    return { is: "damaged", why: (await findCut(file)) ?? lastLine(stderr) };
  const all = ["-U", "--backing-chain", "-f", "qcow2", "--output=json", file];
  const chain = await tryQemuImg("info", ...all);
  if (chain.code !== 0) return { is: "damaged", why: lastLine(chain.stderr) };
  return { is: "sound" };
}

/** With `below`, only what differs from that takes room. */
export async function create(
  { file, key }: Locked,
  bytes: number,
  below?: ImageFile,
): Promise<void> {
  const upon = below ? ["-b", below.file, "-F", below.format] : [];
  await qemuImg("create", "-q", "-f", "qcow2", ...upon, file, `${bytes}`);
  if (key !== undefined) await encryptEmpty(file, key);
}

/** What is copied: all of a file, and of what is below it, or of a snapshot inside. */
export interface Original extends Locked {
  readonly format: "qcow2" | "raw";
  readonly snapshot?: string;
}

/**
 * Into a new file, which is encrypted if it has a key, and at least so big. Rejects with `volume_key_missing` where
 * something encrypted would become plain.
 */
export async function copy(
  from: Original,
  to: Locked,
  { bytes = 0, below }: { readonly bytes?: number; readonly below?: ImageFile | undefined } = {},
): Promise<void> {
  const isLocked = from.format === "qcow2" && (await isEncrypted(from.file));
  if (isLocked && (from.key === undefined || to.key === undefined)) throw keyMissing();
  const source = isLocked ? from : { file: from.file };
  const part = from.snapshot === undefined ? [] : ["-l", `snapshot.name=${from.snapshot}`];
  // -U: nobody changes what is copied, whoever has the file open.
  const what = [
    "-U",
    ...part,
    ...(below ? ["-B", below.file, "-F", below.format] : []),
    ...["--image-opts", from.format === "raw" ? rawOptions(from.file) : optionsOf(source)],
  ];
  if (to.key === undefined) {
    const [options, file] = [what.slice(0, -1), what.slice(-1)];
    await qemuImg("convert", ...options, "-O", "qcow2", ...file, to.file);
    if ((await infoOf(to.file)).bytes < bytes)
      await qemuImg("resize", "-q", "-f", "qcow2", to.file, `${bytes}`);
    return;
  }
  await create(to, Math.max(bytes, await sizeOf(from)), below);
  const how = ["-n", ...(below ? [] : ["--target-is-zero"]), "--target-image-opts"];
  worked(await tryWithKey(to.key, ["convert", ...how, ...what, optionsOf(to)]));
}

const rawOptions = (file: string) =>
  `driver=raw,file.driver=file,file.filename=${file.replaceAll(",", ",,")}`;

/** As a guest would see it. */
export async function sizeOf({ file, format }: ImageFile): Promise<number> {
  const text = await qemuImg("info", "-U", "-f", format, "--output=json", file);
  return Number(record(JSON.parse(text))["virtual-size"]);
}

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
