/**
 * The nouns of this capability: rules that may never be broken, what they look at, and what breaks them.
 *
 * A sight is what the database says of one thing at one moment, with everything that its rules need. The rules
 * do not ask the code that wrote it: who checks a sum with the adding machine that made it checks nothing.
 */
import type { Duration, Instant } from "@holdfast/kernel/time";

/** What rules are about. Each kind has its own sight. */
export const kinds = ["instance", "host", "job", "volume", "network", "work"] as const;
export type Kind = (typeof kinds)[number];

export interface Rule<Sight> {
  /** Stable and in kebab case: programs, tests and people know it by this. */
  readonly name: string;
  /** What holds, in one sentence. */
  readonly says: string;
  /** What would happen to somebody if it did not. */
  readonly why: string;
  /**
   * For what one process begins and another brings to its end: it counts once it has been so at every look for
   * this long. Absent: it holds after every commit, without exception.
   */
  readonly grace?: { readonly lasts: Duration; readonly because: string };
  /** What is wrong, a sentence each; none if all is well. */
  readonly find: (sight: Sight, moment: Moment) => readonly string[];
}

export interface Moment {
  readonly now: Instant;
  /**
   * What is due at a moment is acted upon by whoever is awake: nothing is late before this, for it has not been due
   * for `patience` while anybody could act.
   */
  readonly lateBefore: Instant;
  /** Where so many are due that they take turns: those of whom the turn has been missed. Of the others none is late. */
  readonly passedOver?: ReadonlySet<string> | undefined;
}

export interface Violation {
  readonly rule: string;
  readonly kind: Kind;
  readonly subject: string;
  readonly name: string;
  readonly says: string;
  /** When it was first seen. */
  readonly since: Instant;
  /** The rows that show it, as they were read. */
  readonly rows: unknown;
}

/** One row of the journal of an instance, as far as rules go by it. */
export interface Line {
  readonly seq: number;
  readonly at: Instant;
  readonly event: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly generation: number | null;
  /** The class of its cause. */
  readonly cause: string | null;
}

export interface IncarnationSight {
  readonly generation: number;
  readonly host: string;
  readonly epoch: number;
  readonly phase: "asked" | "incoming" | "running" | "exited";
  readonly how: string | null;
  /** A certificate says that nothing of it can be running: when that was proven. */
  readonly provenAt: Instant | null;
  /** Somebody has written down why it ended. */
  readonly hasDeath: boolean;
}

export interface MoveSight {
  readonly id: string;
  readonly state: string;
  readonly from: string;
  readonly fromGeneration: number;
  readonly to: string;
  readonly toGeneration: number;
  readonly endedAt: Instant | null;
  readonly leftover: string | null;
}

export interface InstanceSight {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly op: {
    readonly kind: string;
    readonly since: Instant;
    readonly deadline: Instant | null;
  } | null;
  readonly generation: number;
  readonly lastGeneration: number;
  readonly version: number;
  readonly home: string | null;
  /** The state of the host that is its home. */
  readonly homeState: string | null;
  readonly lookAt: Instant | null;
  /** From when on it is among those of whom it is asked whether they are due. */
  readonly dueAt: Instant | null;
  /** The class of its cause. */
  readonly cause: string | null;
  readonly destroyedAt: Instant | null;
  /** The job that carries its last command. */
  readonly job: {
    readonly id: string;
    /** Null: there is no such job. */
    readonly state: string | null;
    readonly isTarget: boolean;
  } | null;
  /** What planned work wants of this generation. */
  readonly errand: string | null;
  readonly volume: { readonly state: string; readonly host: string | null; readonly pool: string };
  /** Slots of its connections, in order. */
  readonly nics: readonly number[];
  /** States of the volumes that are attached to it. */
  readonly disks: readonly string[];
  /** How many of them it is to let go of. */
  readonly leaving: number;
  readonly incarnations: readonly IncarnationSight[];
  readonly moves: readonly MoveSight[];
  readonly journal: readonly Line[];
}

export interface CertificateSight {
  readonly id: string;
  readonly epoch: number;
  readonly proof: string;
  readonly covers: string;
  readonly silentSince: Instant;
  readonly provenAt: Instant;
  readonly isSigned: boolean;
  /** How many things were seen. */
  readonly evidence: number;
  /** Of a watchdog: from the last word to the moment that it was taken to have fired, in seconds. */
  readonly boundSeconds: number | null;
  /** What a controller was read as, if that is what was seen. */
  readonly power: string | null;
  /** The boot before and the one that it came back with, if that is what was seen. */
  readonly boots: readonly [before: string | null, now: string | null];
}

export interface HostSight {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly mode: string;
  readonly epoch: number;
  readonly leaseEpoch: number | null;
  readonly reservedCpus: number;
  readonly reservedMemoryMiB: number;
  /** What is at home there needs, and what is on its way to there. */
  readonly needed: { readonly cpus: number; readonly memoryMiB: number };
  readonly certificates: readonly CertificateSight[];
  /** What a lease and a watchdog need at the least by the settings, and since when those are as they are. */
  readonly bound: { readonly seconds: number; readonly since: Instant | null };
  /** Rows about its state. */
  readonly journal: readonly Line[];
}

export interface JobSight {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly finishedAt: Instant | null;
  readonly targets: number;
  /** How many instances still carry it. */
  readonly carriers: number;
}

export interface VolumeSight {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly kind: string;
  readonly host: string | null;
  readonly pool: string;
  /** The instance that it is a disk of. */
  readonly owner: {
    readonly id: string;
    readonly state: string;
    readonly home: string | null;
    readonly isRoot: boolean;
  } | null;
  readonly isSuccessor: boolean;
  readonly tasks: readonly {
    readonly id: string;
    readonly do: string;
    readonly deadline: Instant;
  }[];
  /** Tasks of any volume that make this one or bring it into its place. */
  readonly makers: number;
  readonly snapshots: readonly {
    readonly id: string;
    readonly state: string;
    readonly tasks: number;
  }[];
  readonly backups: readonly {
    readonly id: string;
    readonly state: string;
    readonly tasks: number;
  }[];
}

export interface NetworkSight {
  readonly id: string;
  readonly name: string;
  readonly isDeleted: boolean;
  /** Connections whose instance is expunged, or whose address is not of this network, by address. */
  readonly strangers: readonly string[];
  readonly nics: number;
  readonly forwards: number;
  readonly addresses: number;
  /** Guests of it that may be running. */
  readonly guests: number;
  readonly router: {
    readonly epoch: number;
    readonly hostEpoch: number;
    readonly hostState: string;
    readonly generation: number;
  } | null;
  /** Automatic public addresses held by what is not meant to run. */
  readonly idleAddresses: readonly string[];
  /** Generations of its routers as the journal has them, oldest first. */
  readonly routerGenerations: readonly number[];
}

/** Planned work on a host. */
export interface WorkSight {
  readonly id: string;
  readonly name: string;
  readonly work: string;
  readonly state: string;
  readonly mode: string;
  readonly startsAt: Instant;
  readonly endsAt: Instant | null;
  /** Names of instances that may be running on its host. */
  readonly lodgers: readonly string[];
  /** Events of it that are still to come or under way. */
  readonly events: number;
  /** Instances that wait for its host to be given back, though no work on it is open. */
  readonly stranded: readonly string[];
}

export interface Sights {
  readonly instance: readonly InstanceSight[];
  readonly host: readonly HostSight[];
  readonly job: readonly JobSight[];
  readonly volume: readonly VolumeSight[];
  readonly network: readonly NetworkSight[];
  readonly work: readonly WorkSight[];
}
