/**
 * What managers and agents say to each other about volumes: the disks that an instance should have and has,
 * what else to do with volumes, and what came of it.
 *
 * A task has an id and no order: those of one list may be done in any, so what needs something else done first
 * is not asked for before that.
 */
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { generation, id } from "./fields.ts";

/** How much a guest may ask of a disk, reads and writes together; absent is as much as there is. */
const DiskLimits = z.object({
  iops: z.number().int().positive().optional(),
  bytesPerSecond: z.number().int().positive().optional(),
});

/**
 * Of an encrypted volume, always: what it is opened with. Managers carry it sealed, and it is opened when a host is told of
 * it; one that begins with the mark could not be. A volume of which none is said is a plain one, so whoever has lost a key
 * keeps the mark in its place.
 */
const VolumeKey = z.string();
export const sealedMark = "sealed:";

/** A disk that an instance should have. */
export const WishedDisk = z.object({
  volume: id<VolumeId>(),
  /** The pool that it is in: `local`, or a shared one, whose guests are ended when the lease is. */
  pool: z.string(),
  /** As big as it should be at least; it grows while the guest runs. */
  bytes: z.number().int().positive(),
  /** `ephemeral`: made for each generation, on its host (pool `local`), and removed with it. */
  kind: z.enum(["root", "data", "ephemeral"]),
  /** What it is made from if it is not there yet. A `data` disk must be there: see the task `make`. */
  origin: z.enum(["image", "blank"]),
  limits: DiskLimits.nullable(),
  key: VolumeKey.optional(),
});
export type WishedDisk = z.output<typeof WishedDisk>;

/** A problem, said to somebody else. */
export const Trouble = z.object({
  kind: z.string(),
  code: z.string(),
  message: z.string(),
  fix: z.string().optional(),
});
export type Trouble = z.output<typeof Trouble>;

/** How a disk of a running machine is, against what is wished. */
export const DiskReport = z.object({
  volume: id<VolumeId>(),
  /** `detach-refused`: no longer wished, and the guest has not let go of it; it is asked again and again. */
  is: z.enum(["attached", "detach-refused", "attach-failed", "too-small"]),
  /** As the guest sees it; 0 if it does not. */
  bytes: z.number().int().nonnegative(),
  problem: Trouble.optional(),
});
export type DiskReport = z.output<typeof DiskReport>;

/** Who has a volume open. */
const Opener = z.object({ instance: id<InstanceId>(), generation });

const inPool = {
  id: z.uuid(),
  volume: id<VolumeId>(),
  pool: z.string(),
  /** Of the volume that is worked on, or made. */
  key: VolumeKey.optional(),
};
const inAnother = {
  ...inPool,
  from: id<VolumeId>(),
  /** Of the other one, which may be plain where what is made of it is not. */
  fromKey: VolumeKey.optional(),
};
/** Of snapshots and backups: up to 64 of a-z, 0-9 and hyphen. */
const storageName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);

/** Something to do with a volume. All of them may be done again, after a crash at any moment. */
export const StorageTask = z.discriminatedUnion("do", [
  /** Blank. One that is there is left alone. */
  z.object({ ...inPool, do: z.literal("make"), bytes: z.number().int().positive() }),
  /** Bigger; a running guest is told. */
  z.object({ ...inPool, do: z.literal("resize"), bytes: z.number().int().positive() }),
  z.object({
    ...inPool,
    do: z.literal("snapshot"),
    name: storageName,
    /** Other volumes of the same running guest, for the same moment. */
    beside: z.array(z.object({ volume: id<VolumeId>(), pool: z.string() })).default([]),
    /** Have the guest write out its file systems; where its agent does not answer it is paused instead. */
    freeze: z.boolean().default(true),
    /** How long the guest may be held up. Its host lets it go then, whatever has become of us. */
    atMost: z.number().nonnegative().default(10_000),
  }),
  z.object({ ...inPool, do: z.literal("remove-snapshot"), name: storageName }),
  /** A new volume as another of the same pool was at a snapshot. */
  z.object({ ...inAnother, do: z.literal("restore"), snapshot: storageName }),
  /** The same for a volume of its own, at least so big, that needs no image. */
  z.object({
    ...inAnother,
    do: z.literal("copy"),
    snapshot: storageName,
    bytes: z.number().int().positive(),
  }),
  /** The disk as it was at a snapshot, as a blob at the managers. */
  z.object({ ...inPool, do: z.literal("extract"), snapshot: storageName }),
  z.object({
    ...inPool,
    do: z.literal("backup"),
    backup: storageName,
    /** Build on this one if that is possible still. */
    since: storageName.optional(),
    bytesPerSecond: z.number().int().positive().optional(),
  }),
  z.object({ ...inPool, do: z.literal("remove-backup"), backup: storageName }),
  z.object({ ...inPool, do: z.literal("check-backup"), backup: storageName }),
  /** A new volume from a backup of another. */
  z.object({
    ...inPool,
    do: z.literal("restore-backup"),
    from: id<VolumeId>(),
    backup: storageName,
  }),
  z.object({ ...inPool, do: z.literal("check") }),
  /** With all its snapshots. */
  z.object({ ...inPool, do: z.literal("remove") }),
  /** Of one whose host cannot say any more that it has let go. */
  z.object({ ...inPool, do: z.literal("release"), opener: Opener }),
  /** Cut off, for good, without asking it: only in pools that can. */
  z.object({ ...inPool, do: z.literal("revoke"), opener: Opener }),
]);
export type StorageTask = z.output<typeof StorageTask>;

/** What came of a task; which of these there are depends on what it was. */
export const StorageFacts = z.object({
  /** The moment of a snapshot or a backup, by the clock of the host. */
  at: z.number().optional(),
  /** Of a snapshot: what the guest did meanwhile. `off`: no guest had it open. */
  guest: z.enum(["frozen", "paused", "went-on", "off"]).optional(),
  /** Of a blob that was uploaded, or of a disk as a guest sees it. */
  digest: z.string().optional(),
  virtualBytes: z.number().optional(),
  usedBytes: z.number().optional(),
  /** Of a backup: what it builds on. Absent: it is a full one. */
  since: z.string().optional(),
  /** Of a check. */
  is: z.enum(["sound", "missing", "damaged", "unknown"]).optional(),
  why: z.string().optional(),
});
export type StorageFacts = z.output<typeof StorageFacts>;

/** `failed` is the end of a task: who wants it tried again asks with another id. */
export const StorageResult = z.object({
  id: z.uuid(),
  is: z.enum(["done", "failed", "progress"]),
  at: z.number(),
  result: StorageFacts.optional(),
  problem: Trouble.optional(),
});
export type StorageResult = z.output<typeof StorageResult>;

/** A pool as one host can use it. */
export const PoolFacts = z.object({
  pool: z.string(),
  kind: z.enum(["directory", "nbd", "simulated"]),
  isShared: z.boolean(),
  /** A guest can be cut off from its volumes without being asked. */
  canRevoke: z.boolean(),
});
export type PoolFacts = z.output<typeof PoolFacts>;
