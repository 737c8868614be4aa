/**
 * How fast a directory takes what guests write, found out by writing: a second of QEMU's own requests, past
 * the host's cache where the file system can.
 */
import { rm, truncate, writeFile } from "node:fs/promises";
import type { PoolSpeed } from "./driver.ts";
import { meaning, qemuImg, tryQemuImg } from "./programs.ts";

const KiB = 1 << 10;
const MiB = 1 << 20;
const fileBytes = 64 * MiB;
/** First so many requests, then as many as fit into this time by the first ones' speed. In milliseconds. */
const measureTime = 500;
const mostRequests = 20_000;

/** Uses `file` for it and deletes it. Rejects with `store_full`. */
export async function measureSpeed(file: string): Promise<PoolSpeed> {
  try {
    await writeFile(file, "", { mode: 0o600 });
    await truncate(file, fileBytes);
    // Written once, or the first measurement would be of making room.
    const whole = await bench(file, { count: 64, bytes: MiB, step: MiB, depth: 4 });
    const pieces = Math.min(1_024, Math.max(64, Math.round((64 * measureTime) / whole)));
    const bytes = await bench(file, { count: pieces, bytes: MiB, step: MiB, depth: 4 });
    const scattered = { bytes: 4 * KiB, step: MiB + 4 * KiB, depth: 16 };
    const few = await bench(file, { count: 64, ...scattered });
    const count = Math.min(mostRequests, Math.max(64, Math.round((64 * measureTime) / few)));
    const many = await bench(file, { count, ...scattered });
    return {
      iops: Math.round((count * 1_000) / many),
      bytesPerSecond: Math.round((pieces * MiB * 1_000) / bytes),
    };
  } catch (error) {
    throw meaning(error);
  } finally {
    await rm(file, { force: true });
  }
}

interface Load {
  readonly count: number;
  readonly bytes: number;
  readonly step: number;
  readonly depth: number;
}

/** Resolves with milliseconds. */
async function bench(file: string, { count, bytes, step, depth }: Load): Promise<number> {
  const load = ["-w", "-c", `${count}`, "-s", `${bytes}`, "-S", `${step}`, "-d", `${depth}`];
  const past = await tryQemuImg("bench", "-f", "raw", "-t", "none", ...load, file);
  // Some file systems in memory cannot do without the cache.
  const said = past.code === 0 ? past.stdout : await qemuImg("bench", "-f", "raw", ...load, file);
  const seconds = Number(/Run completed in ([\d.]+) seconds/.exec(said)?.[1]);
  return Math.max(1, seconds * 1_000);
}
