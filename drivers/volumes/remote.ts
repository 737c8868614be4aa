/**
 * A pool that another host keeps, spoken to through that host's door: the same pool as over there, but that a
 * guest here reaches its volume through a relay (doors.ts).
 *
 * The names of files mean nothing on the other host. So an image is told by the name under which both find it,
 * and a place for backups by its directory, which has to be the same there.
 */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { VolumeId } from "@holdfast/kernel/ids";
import { type Doors, doorsTo } from "./doors.ts";
import type {
  Backup,
  BackupPlace,
  Checked,
  Opened,
  Opener,
  Origin,
  PoolMeasure,
  PoolSpeed,
  Snapshot,
  VolumePool,
} from "./driver.ts";
import { nameOf } from "./exports.ts";
import { cannotEncrypt, placeMissing, poolUnreachable } from "./problems.ts";

export { doorsTo };

/** The other host's. Rejects with the problem that it said, or with `pool_unreachable`. */
export interface PoolDoor {
  ask(method: string, args: readonly unknown[]): Promise<unknown>;
  /** The same, where the answer is a file. */
  fetch(method: string, args: readonly unknown[]): Promise<Readable>;
}

export interface RemotePoolOptions {
  readonly door: PoolDoor;
  /** The other host, as guests here reach it. */
  readonly address: string;
  readonly doors: Doors;
  readonly certifiedAs?: string;
}

/** What both ends call an origin: the image is there as well, by this name. */
export type RemoteOrigin =
  | { readonly is: "blank" }
  | {
      readonly is: "overlay" | "copy";
      readonly image: { readonly name: string; readonly format: "qcow2" | "raw" };
    };

export function remotePool(options: RemotePoolOptions): VolumePool {
  const { door, address, doors, certifiedAs } = options;
  // What comes back was made by the same code at the other end.
  const ask = <T>(method: keyof VolumePool, ...args: readonly unknown[]) =>
    door.ask(method, args) as Promise<T>;

  return {
    abilities: { isShared: true, canRevoke: true, isLive: true },

    know() {
      throw cannotEncrypt();
    },
    make: (volume, bytes, origin) => ask("make", volume, bytes, told(origin)),

    async open(volume, opener) {
      const opened = await ask<Opened>("open", volume, opener);
      if (!opened.door) throw poolUnreachable();
      return { source: await doors.open(address, opened.door, certifiedAs), door: opened.door };
    },

    async release(volume, opener) {
      await doors.close({ port: 0, name: nameOf(opener), volume });
      await ask("release", volume, opener);
    },

    revoke: (volume, opener) => ask("revoke", volume, opener),
    openers: (volume) => ask<readonly Opener[]>("openers", volume),
    resize: (volume, bytes) => ask("resize", volume, bytes),
    snapshot: (volume, name) => ask("snapshot", volume, name),
    snapshots: (volume) => ask<readonly Snapshot[]>("snapshots", volume),
    removeSnapshot: (volume, name) => ask("removeSnapshot", volume, name),
    restore: (volume, from, snapshot) => ask("restore", volume, from, snapshot),
    copy: (volume, from, snapshot, bytes) => ask("copy", volume, from, snapshot, bytes),

    async extract(volume, snapshot, file) {
      const temporary = `${file}.partial`;
      try {
        const content = await door.fetch("extract", [volume, snapshot]);
        await pipeline(content, createWriteStream(temporary, { flush: true }));
        await rename(temporary, file);
      } finally {
        await rm(temporary, { force: true });
      }
    },

    remove: (volume) => ask("remove", volume),
    backUp: (volume, place, wish) => ask<Backup>("backUp", volume, directoryOf(place), wish),
    restoreBackup: (volume, place, from, id) =>
      ask("restoreBackup", volume, directoryOf(place), from, id),
    check: (volume) => ask<Checked>("check", volume),
    measure: () => ask<PoolMeasure>("measure"),
    measureSpeed: () => ask<PoolSpeed>("measureSpeed"),
    tend: () => doors.tend(),
    close() {},
  };
}

/** What the other end does about it. Everything is checked: it comes from another host. */
export interface PoolKeeper {
  readonly pool: VolumePool;
  /** The file of an image by its name, which is fetched if need be. */
  imageFile(name: string): Promise<string>;
  backups(directory: string): BackupPlace;
}

type Answer = (keeper: PoolKeeper, args: Args) => Promise<unknown>;

const answers: Readonly<Record<string, Answer>> = {
  async make({ pool, imageFile }, args) {
    const origin = args.origin(2);
    const to: Origin =
      origin.is === "blank"
        ? origin
        : {
            is: origin.is,
            image: { file: await imageFile(origin.image.name), format: origin.image.format },
          };
    await pool.make(args.volume(0), args.number(1), to);
  },
  open: ({ pool }, args) => pool.open(args.volume(0), args.opener(1)),
  release: ({ pool }, args) => pool.release(args.volume(0), args.opener(1)),
  revoke: ({ pool }, args) => pool.revoke(args.volume(0), args.opener(1)),
  openers: ({ pool }, args) => pool.openers(args.volume(0)),
  resize: ({ pool }, args) => pool.resize(args.volume(0), args.number(1)),
  snapshot: ({ pool }, args) => pool.snapshot(args.volume(0), args.text(1)),
  snapshots: ({ pool }, args) => pool.snapshots(args.volume(0)),
  removeSnapshot: ({ pool }, args) => pool.removeSnapshot(args.volume(0), args.text(1)),
  restore: ({ pool }, args) => pool.restore(args.volume(0), args.volume(1), args.text(2)),
  copy: ({ pool }, args) => pool.copy(args.volume(0), args.volume(1), args.text(2), args.number(3)),
  remove: ({ pool }, args) => pool.remove(args.volume(0)),
  backUp: ({ pool, backups }, args) =>
    pool.backUp(args.volume(0), backups(args.text(1)), args.backup(2)),
  restoreBackup: ({ pool, backups }, args) =>
    pool.restoreBackup(args.volume(0), backups(args.text(1)), args.volume(2), args.text(3)),
  check: ({ pool }, args) => pool.check(args.volume(0)),
  measure: ({ pool }) => pool.measure(),
  measureSpeed: ({ pool }) => pool.measureSpeed(),
};

/** Undefined: there is no such method. Rejects with what the pool says, or with a TypeError for nonsense. */
export function answerFor(
  keeper: PoolKeeper,
  method: string,
  args: readonly unknown[],
): Promise<unknown> | undefined {
  const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
  return answer && (async () => answer(keeper, argsOf(args)))();
}

/** Of `extract`: which volume and which snapshot. */
export function extractArgs(args: readonly unknown[]): readonly [VolumeId, string] {
  const asked = argsOf(args);
  return [asked.volume(0), asked.text(1)];
}

type Args = ReturnType<typeof argsOf>;

function argsOf(args: readonly unknown[]) {
  const text = (index: number): string => {
    const value = args[index];
    if (typeof value !== "string" || value.length > 4_096) throw nonsense(index);
    return value;
  };
  const number = (index: number): number => {
    const value = args[index];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
      throw nonsense(index);
    return value;
  };
  const volume = (index: number): VolumeId => {
    const value = text(index);
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) throw nonsense(index);
    return value as VolumeId; // It names a file: nothing but a UUID may pass.
  };
  const record = (index: number): Readonly<Record<string, unknown>> => {
    const value = args[index];
    if (typeof value !== "object" || value === null) throw nonsense(index);
    return value as Readonly<Record<string, unknown>>; // Looked at by whoever asks.
  };
  return {
    text,
    number,
    volume,
    opener(index: number): Opener {
      const { instance, generation } = record(index);
      const inner = argsOf([instance, generation]);
      return {
        instance: inner.volume(0) as string as Opener["instance"],
        generation: inner.number(1),
      };
    },
    origin(index: number): RemoteOrigin {
      const { is, image } = record(index);
      if (is === "blank") return { is };
      const { name, format } = argsOf([image]).record(0);
      const isImage = typeof name === "string" && (format === "qcow2" || format === "raw");
      if ((is !== "overlay" && is !== "copy") || !isImage) throw nonsense(index);
      return { is, image: { name, format } };
    },
    backup(index: number) {
      const { id, since, bytesPerSecond } = record(index);
      return {
        id: argsOf([id]).text(0),
        ...(since === undefined ? {} : { since: argsOf([since]).text(0) }),
        ...(bytesPerSecond === undefined
          ? {}
          : { bytesPerSecond: argsOf([bytesPerSecond]).number(0) }),
      };
    },
    record,
  };
}

const nonsense = (index: number) => new TypeError(`argument ${index} is not what it should be`);

const told = (origin: Origin): RemoteOrigin =>
  origin.is === "blank"
    ? origin
    : { is: origin.is, image: { name: basename(origin.image.file), format: origin.image.format } };

function directoryOf({ directory }: BackupPlace): string {
  if (directory === undefined) throw placeMissing();
  return directory;
}
