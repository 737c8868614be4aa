/**
 * A directory that keeps backups, usually on other storage than the volumes: for each volume a folder of qcow2
 * files, each upon the one before it, readable without Holdfast.
 *
 * The place must have been prepared: a mark lies in it. Without the mark an unmounted disk would look like an
 * empty place, and backups would fill the file system below it without anybody noticing.
 */
import { chmod, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { backupTargetFull } from "../hypervisor/refusals.ts";
import { turns } from "../hypervisor/turns.ts";
import type { Backup, BackupPlace, BackupTarget, BackupWish } from "./driver.ts";
import { encryptEmpty, isEncrypted } from "./encryption.ts";
import { exists, replaceSynced, sync } from "./place.ts";
import {
  backupDamaged,
  backupNotFound,
  badName,
  keyMissing,
  keyWrong,
  placeMissing,
} from "./problems.ts";
import { isAboutKey, meaning, optionsOf, qemuImg, tryQemuImg, tryWithKey } from "./programs.ts";

const mark = "holdfast-backups.json";
const ending = ".qcow2";

/** Makes an existing directory a place for backups, once. `id` is nobody else's; letters, digits and hyphens. */
export async function prepareBackups(directory: string, id: string): Promise<void> {
  const file = join(directory, mark);
  await stat(directory).catch((cause) => {
    throw placeMissing(cause);
  });
  if (await exists(file)) return;
  await replaceSynced(file, JSON.stringify({ id }));
  await chmod(directory, 0o711); // Guests' processes write their own backups.
}

export function directoryBackups(directory: string, clock: Clock): BackupPlace {
  const inOrder = new Map<VolumeId, ReturnType<typeof turns>>();
  const keys = new Map<VolumeId, string>();
  const folderOf = (volume: VolumeId) => join(directory, volume);
  const fileOf = (volume: VolumeId, id: string) => join(folderOf(volume), `${named(id)}${ending}`);
  const noteOf = (volume: VolumeId, id: string) => join(folderOf(volume), `${named(id)}.json`);

  return {
    directory,
    know(volume, key) {
      keys.set(volume, key);
    },
    take: (volume, virtualBytes, wish, write) =>
      inside(volume, async (place) => {
        const known = await find(volume, wish.id);
        if (known) return known;
        await mkdir(folderOf(volume), { recursive: true, mode: 0o711 });
        const key = keys.get(volume);
        // Upon an encrypted one nothing is built: whoever deletes that would need the key as well.
        const isBase = key === undefined && wish.since && (await find(volume, wish.since));
        const since = isBase ? wish.since : undefined;
        const partial = `${fileOf(volume, wish.id)}.partial`;
        await sweep(folderOf(volume));
        try {
          await fill(
            place,
            partial,
            virtualBytes,
            { ...without(wish), ...(since === undefined ? {} : { since }), key },
            write,
          );
          await replaceSynced(noteOf(volume, wish.id), JSON.stringify({ at: clock.now() }));
          await chmod(partial, 0o444);
          await sync(partial);
          await rename(partial, fileOf(volume, wish.id));
          await sync(folderOf(volume));
        } finally {
          await rm(partial, { force: true });
        }
        return found(volume, wish.id);
      }),

    list: (volume) => inside(volume, () => list(volume)),

    find: (volume, id) =>
      inside(volume, async () => {
        const { file } = await chainOf(volume, id);
        return { file, format: "qcow2" };
      }),

    check: (volume, id) =>
      inside(volume, async () => {
        for (const file of (await chainOf(volume, id)).files) {
          const isLocked = await isEncrypted(file);
          const key = isLocked ? keys.get(volume) : undefined;
          if (isLocked && key === undefined) return { is: "unknown", why: keyMissing().message };
          const what = ["check", "--image-opts", optionsOf({ file, key })];
          const { code, stdout, stderr } = await tryWithKey(key, what);
          if (isAboutKey(stderr)) return { is: "unknown", why: keyWrong().message };
          if (code !== 0 && code !== 3)
            return { is: "damaged", why: (stderr || stdout).trim().split("\n").at(-1) ?? "" };
        }
        return { is: "sound" };
      }),

    remove: (volume, id) =>
      inside(volume, async () => {
        const all = await list(volume);
        const gone = all.find((backup) => backup.id === id);
        if (gone)
          for (const child of all.filter((backup) => backup.since === id)) {
            // Takes over what it had from the one that goes. Killed in the middle, it still has both.
            const below = gone.since === undefined ? "" : `${gone.since}${ending}`;
            const format = below === "" ? [] : ["-F", "qcow2"];
            await qemuImg(
              "rebase",
              "-f",
              "qcow2",
              ...format,
              "-b",
              below,
              fileOf(volume, child.id),
            );
          }
        await rm(fileOf(volume, id), { force: true });
        await rm(noteOf(volume, id), { force: true });
      }),
  };

  /** One thing at a time with one volume's backups, and only in a place that is there before and after. */
  function inside<T>(volume: VolumeId, work: (place: string) => Promise<T>): Promise<T> {
    const order = inOrder.get(volume) ?? turns(1);
    inOrder.set(volume, order);
    return order(async () => {
      const place = await markOf(directory);
      try {
        return await work(place);
      } catch (error) {
        await markOf(directory);
        const problem = meaning(error);
        const isFull = problem instanceof Problem && problem.code === "store_full";
        throw isFull ? backupTargetFull(error) : problem;
      }
    });
  }

  async function fill(
    place: string,
    partial: string,
    virtualBytes: number,
    { id, since, bytesPerSecond, key }: BackupWish & { readonly key?: string | undefined },
    write: (target: BackupTarget) => Promise<void>,
  ): Promise<void> {
    const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond };
    const opened = key === undefined ? {} : { key };
    const target = { file: partial, point: pointOf(place, id), ...speed, ...opened };
    await rm(partial, { force: true });
    const backing = since === undefined ? [] : ["-b", `${since}${ending}`, "-F", "qcow2"];
    await qemuImg("create", "-q", "-f", "qcow2", ...backing, partial, `${virtualBytes}`);
    if (key !== undefined) await encryptEmpty(partial, key);
    try {
      if (since === undefined) return await write(target);
      await write({ ...target, since: pointOf(place, since) });
    } catch (error) {
      const isMissing = error instanceof Problem && error.code === "backup_point_missing";
      if (since === undefined || !isMissing) throw error;
      await fill(place, partial, virtualBytes, { id, ...speed }, write);
    }
  }

  async function list(volume: VolumeId): Promise<readonly Backup[]> {
    const names = await readdir(folderOf(volume)).catch(() => []);
    const ids = names
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length));
    const all = await Promise.all(ids.map((id) => find(volume, id)));
    return all.filter((backup) => backup !== undefined).toSorted((a, b) => a.at - b.at);
  }

  async function found(volume: VolumeId, id: string): Promise<Backup> {
    const backup = await find(volume, id);
    if (!backup) throw backupNotFound(id);
    return backup;
  }

  async function find(volume: VolumeId, id: string): Promise<Backup | undefined> {
    const file = fileOf(volume, id);
    if (!(await exists(file))) return undefined;
    const { blocks, mtimeMs } = await stat(file);
    const note = await readFile(noteOf(volume, id), "utf8").catch(() => "");
    const { code, stdout } = await tryQemuImg("info", "-U", "-f", "qcow2", "--output=json", file);
    // A damaged one is listed too: whoever looks must see that it was to be there.
    const info = code === 0 ? (JSON.parse(stdout) as Record<string, unknown>) : {};
    const below = info["backing-filename"];
    return {
      id,
      ...(typeof below === "string" ? { since: below.slice(0, -ending.length) } : {}),
      at: timeIn(note) ?? (Math.floor(mtimeMs) as Instant), // A file's time is a time.
      virtualBytes: Number(info["virtual-size"] ?? 0),
      usedBytes: blocks * 512,
    };
  }

  /** The file of a backup and all below it. Rejects if one of them is missing. */
  async function chainOf(volume: VolumeId, id: string) {
    const files: string[] = [];
    const first = await found(volume, id);
    for (let next: Backup | undefined = first; next; ) {
      files.push(fileOf(volume, next.id));
      const { since }: Backup = next;
      next = since === undefined ? undefined : await find(volume, since);
      if (since !== undefined && !next)
        throw backupDamaged(`it builds on ${since}, which is not there`);
    }
    return { file: fileOf(volume, id), files };
  }
}

/** What an agent that was killed has left. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.endsWith(".partial")) await rm(join(folder, name), { force: true });
}

/** The mark's id. */
async function markOf(directory: string): Promise<string> {
  try {
    const { id } = JSON.parse(await readFile(join(directory, mark), "utf8")) as { id: unknown };
    if (typeof id === "string") return id;
  } catch (cause) {
    throw placeMissing(cause);
  }
  throw placeMissing();
}

const pointOf = (place: string, id: string) => `${place}.${id}`;

const without = ({ since: _, ...rest }: BackupWish) => rest;

function named(id: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(id)) throw badName(id);
  return id;
}

function timeIn(note: string): Instant | undefined {
  try {
    const { at } = JSON.parse(note) as { at: unknown };
    return typeof at === "number" ? (at as Instant) : undefined; // We wrote it.
  } catch {
    return undefined;
  }
}
