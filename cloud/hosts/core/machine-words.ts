/**
 * What agents say of machines: that one runs or has ended and how, and how far one is that moves.
 *
 * All of it is about one generation of an instance, and nothing of it is taken for another one.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { generation, id, milliseconds } from "./fields.ts";
import { DiskReport, Trouble } from "./storage-words.ts";

export const ExitReport = z.object({
  at: z.number(),
  status: z.union([
    z.object({ code: z.number() }),
    z.object({ signal: z.string() }),
    z.literal("unrecorded"),
    z.literal("never-launched"),
  ]),
  reason: z.string().optional(),
  requested: z.boolean(),
  hypervisorLog: z.array(z.string()),
  consoleTail: z.array(z.string()),
  oomKills: z.number(),
  /** What happened to it while it lived, oldest first: QMP's names, with their data as JSON or "". */
  events: z.array(z.object({ at: z.number(), event: z.string(), detail: z.string() })).default([]),
  /** What the host's kernel said of its processes: an out-of-memory kill, a segmentation fault. */
  kernelLog: z.array(z.string()).default([]),
  signalledBy: z.object({ signal: z.string(), pid: z.number(), name: z.string() }).optional(),
  /** The note of the host's guard, which killed it because its lease had run out. */
  fenced: z.object({ at: z.number(), why: z.string() }).optional(),
  watchdogFired: z.boolean().default(false),
  /** It was ended because its guest did not say ready in time. */
  bootTimedOut: z.boolean(),
  /** It waited for its memory, and has not run for a moment: the one that it came from may go on. */
  neverRan: z.boolean().optional(),
  /** It never ran, and this is why. */
  problem: Trouble.optional(),
});
export type ExitReport = z.output<typeof ExitReport>;

/** How its processors came to run: with the memory of a template, or by a boot. */
export const Begun = z.object({
  how: z.enum(["warm", "cold"]),
  /** From the launch until they ran. */
  took: milliseconds.optional(),
  /** Why its template was of no use. */
  why: z.string().optional(),
  /** Its process had read the memory before anybody asked for it. */
  wasOnStandby: z.literal(true).optional(),
});
export type Begun = z.output<typeof Begun>;

/** A fact about one generation of one instance. */
export const MachineReport = z.object({
  instance: id<InstanceId>(),
  generation,
  /** `incoming`: it waits for its memory, and does not run. */
  phase: z.enum(["running", "incoming", "exited"]),
  guest: z.enum(["booting", "up", "paused", "panicked", "io-error"]),
  reboots: z.number().int(),
  at: z.number(),
  exit: ExitReport.optional(),
  begun: Begun.optional(),
  /** All disks that it has or should have; absent while nobody has looked. */
  disks: z.array(DiskReport).optional(),
  /** The `version` of the wish that these disks were last compared with: an older one proves no detach. */
  disksOf: z.number().int().optional(),
  /** With `incoming`: where it can be sent to, as address and port. */
  relay: z.string().optional(),
});
export type MachineReport = z.output<typeof MachineReport>;

/** How far a host is with sending a machine to another one. The latest counts; nothing is lost with one. */
export const MigrationReport = z.object({
  migration: z.uuid(),
  instance: id<InstanceId>(),
  /** Of the one that runs and is being sent. */
  generation,
  /** `gave-up`: it runs on here, and no more is tried. `done`: it runs there. */
  is: z.enum(["copying", "done", "gave-up"]),
  facts: z.object({
    /** QEMU's word, see MigrationStatus. */
    status: z.string(),
    elapsed: milliseconds,
    remainingBytes: z.number().nonnegative(),
    totalBytes: z.number().nonnegative(),
    bytesPerSecond: z.number().nonnegative(),
    dirtyBytesPerSecond: z.number().nonnegative(),
    disksRemainingBytes: z.number().nonnegative(),
    isThrottled: z.boolean(),
    /** What the guest's standstill took, as QEMU reckons it. */
    downtime: milliseconds.optional(),
  }),
  /** With `gave-up`, why; with `copying`, what is being done about it. For people. */
  says: z.string().optional(),
  problem: z
    .object({ kind: z.string(), code: z.string(), message: z.string(), fix: z.string().optional() })
    .optional(),
});
export type MigrationReport = z.output<typeof MigrationReport>;
