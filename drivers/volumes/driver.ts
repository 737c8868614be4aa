/**
 * What Holdfast asks of a place for volumes: one pool, as one host can use it.
 *
 * Every call may be repeated, also after the process that made it was killed at any moment: it goes on from
 * what is there. What surprises: a volume that a guest has open is the guest's, so where the pool is a
 * directory its QEMU must be asked for a snapshot, a backup or more room (drivers/hypervisor) and the pool
 * refuses with `volume_in_use`. Where a daemon of the pool stands between guest and bytes (`isLive`) the pool
 * does it all.
 */
import type { BlockSource } from "@holdfast/kernel/block";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";

/** Who has a volume open: one incarnation of an instance. */
export interface Opener {
  readonly instance: InstanceId;
  readonly generation: number;
}

/** What a new volume holds. */
export type Origin =
  | { readonly is: "blank" }
  /** The image stays below it, read-only, and must stay where it is; only what differs takes room. */
  | { readonly is: "overlay"; readonly image: ImageFile }
  /** Everything is copied, and the image may go. */
  | { readonly is: "copy"; readonly image: ImageFile };

export interface ImageFile {
  /** On this host, and checked when it came in. */
  readonly file: string;
  readonly format: "qcow2" | "raw";
}

export interface PoolAbilities {
  /** Another host can open its volumes as well. */
  readonly isShared: boolean;
  /** A guest that has a volume open can be cut off from it without being asked. */
  readonly canRevoke: boolean;
  /** Snapshots, backups and more room can be had while a guest has a volume open. */
  readonly isLive: boolean;
}

/** Where another host finds a volume that is open here: see doors.ts. */
export interface RemoteDoor {
  readonly volume: VolumeId;
  readonly port: number;
  /** Of the export; of this one generation and no other. */
  readonly name: string;
}

export interface Opened {
  /** For a guest on this host. */
  readonly source: BlockSource;
  /** For a guest on another one, where the pool serves it over the network. */
  readonly door?: RemoteDoor;
}

export interface Snapshot {
  readonly name: string;
  readonly at: Instant;
}

export interface BackupWish {
  /** Names this backup for ever; asked for again, it is the one that is there. Up to 64 of a-z, 0-9, hyphen. */
  readonly id: string;
  /** Build on this earlier backup if that is possible still; a full one is made if not. */
  readonly since?: string;
  /** How fast it may go; as fast as it can if not given. */
  readonly bytesPerSecond?: number;
}

export interface Backup {
  readonly id: string;
  /** What it builds on and cannot be restored without; absent for a full one. */
  readonly since?: string;
  readonly at: Instant;
  /** Of the disk. */
  readonly virtualBytes: number;
  /** That this one takes in the place for backups. */
  readonly usedBytes: number;
}

/** Where a backup is to be written: an empty file that fits, upon the one before if there is one. */
export interface BackupTarget {
  readonly file: string;
  readonly point: string;
  readonly since?: string;
  readonly bytesPerSecond?: number;
  /** That the file is opened with, if it is encrypted. */
  readonly key?: string;
}

/** A place for backups: see backups.ts. Every call rejects with `backup_place_missing` if it is not there. */
export interface BackupPlace {
  /** Where it is, for whoever must open it on another host; absent: nowhere else. */
  readonly directory?: string;
  /** Backups of this volume are encrypted from now on, with this key; each is a full one. Kept in memory alone. */
  know(volume: VolumeId, key: string): void;
  /**
   * Make a backup, or find the one that is there. `write` fills a file, for example with a hypervisor's
   * `backupDisk`; if it rejects with `backup_point_missing` it is called again for a full one.
   */
  take(
    volume: VolumeId,
    virtualBytes: number,
    wish: BackupWish,
    write: (target: BackupTarget) => Promise<void>,
  ): Promise<Backup>;
  /** The oldest first. */
  list(volume: VolumeId): Promise<readonly Backup[]>;
  /** The disk as it was, to be read and never written. Rejects with `backup_not_found` or `backup_damaged`. */
  find(volume: VolumeId, id: string): Promise<ImageFile>;
  /** Rejects with `backup_not_found`. Reads all of it, and all that it builds on. */
  check(volume: VolumeId, id: string): Promise<Checked>;
  /** Whatever builds on it builds on what was below it afterwards. Absent is fine. */
  remove(volume: VolumeId, id: string): Promise<void>;
}

/** `unknown` says why nothing could be said, which is not that all is well. */
export type Checked =
  | { readonly is: "sound" }
  | { readonly is: "missing" }
  | { readonly is: "damaged"; readonly why: string }
  | { readonly is: "unknown"; readonly why: string };

export interface VolumeView {
  readonly volume: VolumeId;
  /** As big as it is to a guest. */
  readonly virtualBytes: number;
  /** What it takes, its snapshots included. */
  readonly usedBytes: number;
  readonly openedBy?: Opener;
}

export interface PoolMeasure {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly volumes: readonly VolumeView[];
}

/** Measured just now with a few requests, so others' work is in it: what is left, not what was bought. */
export interface PoolSpeed {
  /** Of 4 KiB, written one after the other to scattered places, 16 at a time. */
  readonly iops: number;
  /** Written from front to back in pieces of 1 MiB. */
  readonly bytesPerSecond: number;
}

/**
 * All that name a volume reject with `volume_not_found` if it is not there, with `volume_in_use` if a guest
 * that the pool cannot go around has it open, and with `pool_unreachable` if the pool itself is gone.
 */
export interface VolumePool {
  readonly abilities: PoolAbilities;
  /**
   * This volume is encrypted, and this opens it: for whatever is done with it from now on. One that is made afterwards is
   * made so. Kept in memory alone, until the volume is removed or the pool closed; without it what would read an encrypted volume
   * or write one rejects with `volume_key_missing`, and with another one or for a plain one with `volume_key_wrong`. Throws
   * `pool_cannot_encrypt` where a pool cannot.
   */
  know(volume: VolumeId, key: string): void;
  /**
   * Make a volume, as big as asked and never smaller than its image. One that is there is left alone,
   * whatever is in it. Rejects with `store_full` or `image_damaged`, and leaves nothing then. `next` will open it at
   * once: a pool may give it to them with the same step, and rejects as `open` does then; what it has made stays.
   */
  make(volume: VolumeId, bytes: number, origin: Origin, next?: Opener): Promise<void>;
  /**
   * Give a volume to one incarnation. Rejects with `volume_claimed` if a younger generation of the instance has
   * it, `volume_in_use` if another instance has, and `generation_revoked` if this one was cut off.
   */
  open(volume: VolumeId, opener: Opener): Promise<Opened>;
  /** The guest has ended or let go of it; of this and every older generation. Not open is fine. */
  release(volume: VolumeId, opener: Opener): Promise<void>;
  /**
   * Cut off this and every older generation, for good, whether the guest lives or not and without asking it.
   * When this resolves they can neither read nor write. Rejects with `cannot_revoke` where a pool can not.
   */
  revoke(volume: VolumeId, opener: Opener): Promise<void>;
  /** Who has it open, the oldest generation first, as far as anybody has said. */
  openers(volume: VolumeId): Promise<readonly Opener[]>;
  /**
   * Make it bigger. As big or bigger already is fine. A guest that has it open sees it after the hypervisor's
   * `resizeDisk`; its requests may wait for a moment meanwhile.
   */
  resize(volume: VolumeId, bytes: number): Promise<void>;
  /** Rejects with `store_full`; the volume is as it was then. */
  snapshot(volume: VolumeId, name: string): Promise<void>;
  /** The oldest first. */
  snapshots(volume: VolumeId): Promise<readonly Snapshot[]>;
  removeSnapshot(volume: VolumeId, name: string): Promise<void>;
  /** A new volume as another was at a snapshot. Rejects with `snapshot_not_found` or `store_full`. */
  restore(volume: VolumeId, from: VolumeId, snapshot: string): Promise<void>;
  /**
   * The same for a volume of its own: it needs no image, and is at least as big as asked. Also while a guest has the
   * other one open.
   */
  copy(volume: VolumeId, from: VolumeId, snapshot: string, bytes: number): Promise<void>;
  /**
   * The disk as it was at a snapshot as one qcow2 file that needs no other, for an image. What is at `file` is
   * replaced. Also while a guest has the volume open. Rejects as `restore` does.
   */
  extract(volume: VolumeId, snapshot: string, file: string): Promise<void>;
  /** With all its snapshots. Absent is fine. */
  remove(volume: VolumeId): Promise<void>;
  /** Rejects as `take` of the place does, and with `backup_failed` or `backup_target_full`. */
  backUp(volume: VolumeId, place: BackupPlace, wish: BackupWish): Promise<Backup>;
  /** A new volume from a backup; needs nothing of the place afterwards. */
  restoreBackup(volume: VolumeId, place: BackupPlace, from: VolumeId, id: string): Promise<void>;
  /** Of a volume that is open only what can be told without disturbing its guest. */
  check(volume: VolumeId): Promise<Checked>;
  measure(): Promise<PoolMeasure>;
  measureSpeed(): Promise<PoolSpeed>;
  /** Put right what has died since the last time. Call it every few seconds, and once before anything else. */
  tend(): Promise<void>;
  /** Let go of everything without touching what guests have open, as before a restart of the agent. */
  close(): void;
}

/** Names a volume's disk in a hypervisor: the random end of its id, which is all that tells volumes apart. */
export const diskIdOf = (volume: VolumeId): string => `v${volume.replaceAll("-", "").slice(-20)}`;
