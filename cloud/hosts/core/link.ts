/**
 * What managers and agents say to each other: one connection per host, JSON, both directions.
 *
 * Wishes go down, facts come up. There is no command in flight that could be lost: a wish says how
 * something should be, and is said again until it is so; a fact is said until it has been recorded.
 * What an agent is *asked* (a console, some log lines) only ever reads.
 */
import { Manifest } from "@holdfast/cloud/images";
import { GuestNotes, metadataTokens } from "@holdfast/cloud/metadata";
import { NetworkPeers, NetworkPicture } from "@holdfast/cloud/networks";
import type {
  HostId,
  ImageId,
  InstanceId,
  NetworkId,
  NicId,
  ProjectId,
  VolumeId,
} from "@holdfast/kernel/ids";
import { z } from "zod";
import {
  DiskReport,
  PoolFacts,
  StorageResult,
  StorageTask,
  Trouble,
  WishedDisk,
} from "./storage-words.ts";

export const protocolVersion = 9;

const id = <Kind extends string>() => z.uuid().transform((text) => text as Kind); // Checked just before.
const generation = z.number().int().nonnegative();
const milliseconds = z.number().nonnegative();

/** What one instance should be on this host. Orders of an older `version` are ignored. */
export const Wish = z.object({
  instance: id<InstanceId>(),
  version: z.number().int(),
  /** The epoch of the host in which it was given this: what another host could start is not started in any other. */
  epoch: z.number().int().default(0),
  generation,
  /**
   * `nothing`: it has no business here. Whatever runs of it is ended, and its traces are removed.
   * `incoming`: have it wait for the memory of a generation that runs on another host; it runs once it is there.
   */
  want: z.enum(["running", "stopped", "nothing", "incoming"]),
  /** A manager has seen this generation run. If the host knows nothing of it, it is gone, not new. */
  wasRunning: z.boolean(),
  reboots: z.number().int().nonnegative(),
  /** How patient to be when it should stop; milliseconds per step, zero skips the step. */
  ladder: z.object({ acpi: milliseconds, terminate: milliseconds, kill: milliseconds }),
  /** How long the guest may take to shut down for a reboot; milliseconds, zero presses its reset button. */
  rebootGrace: milliseconds,
  /** With `want: running`: what to run. */
  spec: z
    .object({
      name: z.string(),
      /** For the guest itself: whose it is, what type it has, and what it was made from. */
      project: id<ProjectId>(),
      type: z.string(),
      imageId: id<ImageId>(),
      cpus: z.number().int().positive(),
      memoryMiB: z.number().int().positive(),
      /** In the order in which the guest sees them; the first is the root volume. */
      disks: z.array(WishedDisk).min(1),
      /** Its connections, in the order in which the guest sees them. The rest is in the host's picture. */
      nics: z.array(z.object({ id: id<NicId>(), mac: z.string() })),
      image: Manifest,
      userData: z.string().nullable(),
      /** For the guest itself: JSON of how it died last; null if it never has. */
      lastDeath: z.string().nullable(),
      /** What it asks the metadata without a token is answered, or not: from its first request on, so it is said here. */
      metadataTokens: z.enum(metadataTokens).default("optional"),
      metadata: z.enum(["on", "off"]).default("on"),
      startPaused: z.boolean(),
      /** A guest whose image says ready, and which has not by then, is ended. Milliseconds. */
      bootTimeout: milliseconds,
    })
    .nullable(),
  /**
   * With `want: incoming`: what brings it, and from which host. `network` is one that this host has an address
   * in, such as 10.8.0.0/24, to be reached there; null: the one between the guests of hosts.
   */
  arrives: z
    .object({
      migration: z.uuid(),
      from: id<HostId>(),
      network: z.string().nullable().default(null),
    })
    .nullish(),
  /**
   * Send it to another host, where `generation` waits for it at `address`. Once it has been said it is taken
   * back only when that generation is known to have ended: without it, the host lets its own run on.
   */
  migrateTo: z
    .object({
      migration: z.uuid(),
      generation,
      address: z.string(),
      /** Whom it must find there. */
      host: id<HostId>().nullish(),
      bytesPerSecond: z.number().positive().nullable(),
      mayPostcopy: z.boolean(),
      isAborted: z.boolean(),
      /** See MigrationPatience. */
      patience: z.object({
        precopy: milliseconds,
        converge: milliseconds,
        switching: milliseconds,
      }),
    })
    .nullish(),
  requestId: z.string(),
});
export type Wish = z.output<typeof Wish>;

/**
 * The wish of the version before this one, with nothing new but that a manager has seen its generation run (`wasRunning`).
 * Who does not have that version, of that generation, takes no notice: whole wishes follow the next hello.
 */
export const Seen = z.object({
  instance: id<InstanceId>(),
  generation,
  version: z.number().int(),
});
export type Seen = z.output<typeof Seen>;

export const Line = z.object({ at: z.number(), text: z.string() });

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

/** A volume to delete. */
export const Unwanted = z.object({ volume: id<VolumeId>(), pool: z.string() });
export type Unwanted = z.output<typeof Unwanted>;

export const VolumeReport = z.object({
  volume: id<VolumeId>(),
  is: z.enum(["ready", "deleted"]),
});
export type VolumeReport = z.output<typeof VolumeReport>;

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
   * The same where little is different: these are so now, those are gone, and of `peers` only the underlays are others.
   * What is not in it stays.
   */
  z.object({
    say: z.literal("networks-changed"),
    networks: z.array(NetworkPicture),
    peers: z.array(NetworkPeers),
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
