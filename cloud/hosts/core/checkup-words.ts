/** How an agent finds its machines, its storage and its networks when it looks at them. The latest counts; nothing is lost with one. */
import type { InstanceId, NetworkId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { generation, id, milliseconds } from "./fields.ts";

/** How one machine looks from outside. Ages instead of moments, because the clocks of hosts differ. */
export const MachineLook = z.object({
  instance: id<InstanceId>(),
  generation,
  guest: z.enum(["booting", "up", "paused", "panicked", "io-error"]),
  /** Since its guest last began to boot, and what began that: `launch`, `watchdog` or QMP's word. */
  bootedFor: milliseconds,
  bootedBy: z.string(),
  /** Null: its hypervisor did not answer in time. */
  answeredIn: milliseconds.nullable(),
  runState: z.string().nullable(),
  /** `silent` only where it has answered since that boot. */
  agent: z.enum(["answers", "silent", "none"]),
  disk: z.object({
    inFlight: z.number().int().nonnegative(),
    /** For so long requests have been in flight and none was completed. */
    stalledFor: milliseconds,
    /** Operations that failed since the look before. */
    failed: z.number().int().nonnegative(),
  }),
});
export type MachineLook = z.output<typeof MachineLook>;

/** How long the storage of a pool takes to keep a small write, or has taken so far. */
export const StorageLook = z.object({
  pool: z.string(),
  took: milliseconds,
  problem: z.string().optional(),
  /** How much room it has, and how much of it is free; absent: nobody could tell. */
  totalBytes: z.number().nonnegative().optional(),
  freeBytes: z.number().nonnegative().optional(),
});
export type StorageLook = z.output<typeof StorageLook>;

/** All that runs on a host, looked at once. */
export const Checkup = z.object({
  machines: z.array(MachineLook),
  storage: z.array(StorageLook),
  /** Why its hardware gives reason to avoid the host, in sentences. Null: nobody has looked yet. */
  concerns: z.array(z.string()).nullable().default(null),
});
export type Checkup = z.output<typeof Checkup>;

/** What a host sees of its networks. */
export const NetworksLook = z.object({
  /** Why they are not as the picture says; null: they are. */
  problem: z.string().nullable(),
  /** `bypassed`: a setting of the kernel lets packets past the security groups. */
  rules: z.enum(["in-force", "bypassed", "missing"]),
  routers: z.array(
    z.object({
      network: id<NetworkId>(),
      generation: z.number().int(),
      isUp: z.boolean(),
      says: z.string().nullable(),
    }),
  ),
});
export type NetworksLook = z.output<typeof NetworksLook>;
