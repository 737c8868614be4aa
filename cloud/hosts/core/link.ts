/**
 * What managers and agents say to each other: one connection per host, JSON, both directions.
 *
 * Wishes go down, facts come up. There is no command in flight that could be lost: a wish says how
 * something should be, and is said again until it is so; a fact is said until it has been recorded.
 * What an agent is *asked* (a console, some log lines) only ever reads.
 */
import { GuestNotes } from "@holdfast/cloud/metadata";
import { NetworkParts, NetworkPeers, NetworkPicture } from "@holdfast/cloud/networks";
import type { HostId, InstanceId, NetworkId, VolumeId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { Checkup, NetworksLook } from "./checkup-words.ts";
import { generation, id, milliseconds } from "./fields.ts";
import { MachineReport, MigrationReport } from "./machine-words.ts";
import { PoolFacts, StorageResult, StorageTask } from "./storage-words.ts";
import { Seen, Wish } from "./wish.ts";

export const protocolVersion = 11;

/** A volume to delete. */
export const Unwanted = z.object({ volume: id<VolumeId>(), pool: z.string() });
export type Unwanted = z.output<typeof Unwanted>;

export const VolumeReport = z.object({
  volume: id<VolumeId>(),
  is: z.enum(["ready", "deleted"]),
});
export type VolumeReport = z.output<typeof VolumeReport>;

export const HostFacts = z.object({
  acceleration: z.object({ kind: z.string(), reason: z.string() }),
  kernel: z.string(),
  hypervisor: z.string(),
  /** What its processor can do, as the kernel lists it: what a guest under kvm may have come to rely on. */
  cpu: z.object({ model: z.string(), flags: z.array(z.string()) }).optional(),
  /** Whether it can copy local disks along with a guest that moves. */
  migration: z.object({ mirrors: z.boolean() }).optional(),
  /** Why its kernel can have no network on a VLAN, in words; null: it can. */
  networks: z.object({ vlan: z.string().nullable() }).optional(),
});

/** What the guard of a host says of itself. */
export const GuardReport = z.object({
  watchdog: z.object({
    kind: z.enum(["hardware", "software", "simulated", "none"]),
    isArmed: z.boolean(),
  }),
  /** Shared pools in which it has just shown itself. */
  stamped: z.array(z.string()),
});
export type GuardReport = z.output<typeof GuardReport>;

export const fromAgent = z.discriminatedUnion("say", [
  z.object({
    say: z.literal("hello"),
    protocol: z.number(),
    bootId: z.string(),
    /** The epoch it was last welcomed under; null if it never was. */
    epoch: z.number().int().nullable(),
    /** Shared pools that it can reach. */
    pools: z.array(z.string()),
    /** The same and its own, in detail. */
    storage: z.array(PoolFacts).optional(),
    /** The address that other hosts reach its guests through; null: none does. */
    underlay: z.string().nullable(),
    cpus: z.number().int().positive(),
    memoryMiB: z.number().int().positive(),
    facts: HostFacts,
    /** The wishes it holds, by version, so that only differences need to be said. */
    held: z.array(z.object({ instance: id<InstanceId>(), version: z.number().int() })),
    machines: z.array(MachineReport),
  }),
  /** `sentAt` is the sender's own and comes back untouched: the lease runs from there. */
  z.object({ say: z.literal("heartbeat"), sentAt: z.number(), guard: GuardReport.nullable() }),
  z.object({
    say: z.literal("report"),
    machines: z.array(MachineReport),
    volumes: z.array(VolumeReport),
  }),
  Checkup.extend({ say: z.literal("checkup") }),
  MigrationReport.extend({ say: z.literal("migration") }),
  NetworksLook.extend({ say: z.literal("networks") }),
  /** Said until it has been recorded. */
  z.object({ say: z.literal("storage-report"), results: z.array(StorageResult) }),
  z.object({
    say: z.literal("answer"),
    ask: z.number(),
    value: z.unknown(),
    problem: z.string().optional(),
  }),
  z.object({ say: z.literal("output"), ask: z.number(), data: z.string(), isEnd: z.boolean() }),
]);
export type FromAgent = z.output<typeof fromAgent>;

export const fromManager = z.discriminatedUnion("say", [
  z.object({
    say: z.literal("welcome"),
    host: id<HostId>(),
    name: z.string(),
    /** The zone that it is in, for its guests to know. */
    zone: z.string(),
    epoch: z.number().int(),
    heartbeat: milliseconds,
    lease: milliseconds,
    /** How long the guard may take to end what must not run without the lease. */
    killBudget: milliseconds,
    watchdog: milliseconds,
    concurrentStarts: z.number().int().positive(),
  }),
  z.object({
    say: z.literal("beat"),
    sentAt: z.number(),
    /** How often the host should send a checkup. Said with every beat, so that a change takes effect. */
    checkupEvery: milliseconds.optional(),
  }),
  /** Before it is welcome again, these must be ended: they may be running elsewhere. Then it says hello again. */
  z.object({
    say: z.literal("purge"),
    machines: z.array(z.object({ instance: id<InstanceId>(), generation })),
  }),
  /** Its hello may have been under way for long, and the host have begun anew since. It says another one. */
  z.object({ say: z.literal("again") }),
  z.object({
    say: z.literal("wishes"),
    wishes: z.array(Wish),
    deleteVolumes: z.array(Unwanted),
  }),
  z.object({ say: z.literal("seen"), machines: z.array(Seen) }),
  /** All that its networks should be. What is not in it is removed. */
  z.object({ say: z.literal("networks"), networks: z.array(NetworkPicture) }),
  /**
   * The same where little is different: these are so now, those are gone, of `peers` only the underlays are others, and of
   * `parts` only these ports and guests. What is not in it stays.
   */
  z.object({
    say: z.literal("networks-changed"),
    networks: z.array(NetworkPicture),
    peers: z.array(NetworkPeers),
    parts: z.array(NetworkParts),
    gone: z.array(id<NetworkId>()),
  }),
  /** All that it should do with volumes. What is not in it is of no interest any more. */
  z.object({
    say: z.literal("storage"),
    tasks: z.array(StorageTask),
    /** The directory for backups, the same on every host. */
    place: z.string().nullable().default(null),
  }),
  /** The ends of these tasks are in the database. */
  z.object({ say: z.literal("storage-recorded"), ids: z.array(z.uuid()) }),
  /** All that its guests may know of themselves, besides what is in the wishes and the networks. */
  z.object({ say: z.literal("guests"), guests: z.array(GuestNotes) }),
  /** The same where little is different: of these it is so now, and of those there is nothing to know any more. */
  z.object({
    say: z.literal("guests-changed"),
    guests: z.array(GuestNotes),
    gone: z.array(id<InstanceId>()),
  }),
  /** These endings are in the database: their traces may be removed. */
  z.object({
    say: z.literal("recorded"),
    machines: z.array(z.object({ instance: id<InstanceId>(), generation })),
    volumes: z.array(id<VolumeId>()),
  }),
  z.object({
    say: z.literal("ask"),
    ask: z.number(),
    what: z.enum(["console-log", "trace", "console"]),
    instance: id<InstanceId>(),
    generation,
    lines: z.number().int().positive(),
  }),
  /** Typed into a console that was asked for. */
  z.object({ say: z.literal("input"), ask: z.number(), data: z.string() }),
  z.object({ say: z.literal("close"), ask: z.number() }),
  /**
   * The host of these has fallen silent: cut them off from their volumes, and answer when that is so. Asked again
   * and again until then.
   */
  z.object({
    say: z.literal("cut-off"),
    ask: z.number(),
    volumes: z.array(
      z.object({
        volume: id<VolumeId>(),
        pool: z.string(),
        instance: id<InstanceId>(),
        generation,
      }),
    ),
  }),
  z.object({ say: z.literal("goodbye"), reason: z.string() }),
]);
export type FromManager = z.output<typeof fromManager>;
export type HostFacts = z.output<typeof HostFacts>;
