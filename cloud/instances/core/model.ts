/**
 * The nouns of this capability. Plain readonly data.
 *
 * Five records, never one enum: what is wanted (`desired`), where in its life it is (`state`), what is
 * being done about it (`op`), the process that was last launched (`Incarnation`), and its health. The
 * state says nothing about the wish, and the process nothing about the state, until somebody decides.
 */
import type { CauseClass } from "@holdfast/cloud/deaths";
import type { Begun } from "@holdfast/cloud/hosts";
import type { MetadataTokens } from "@holdfast/cloud/metadata";
import type { UnderWay } from "@holdfast/cloud/volumes";
import type {
  HostId,
  ImageId,
  InstanceId,
  JobId,
  MigrationId,
  ProjectId,
  VolumeId,
} from "@holdfast/kernel/ids";
import type { ProblemView } from "@holdfast/kernel/problem";
import type { Duration, Instant } from "@holdfast/kernel/time";
import type { InstanceState } from "./lifecycle.ts";
import type { MigrationState } from "./migration-lifecycle.ts";

export type Desired = "running" | "stopped" | "destroyed" | "expunged";

export type OpKind = "provision" | "start" | "stop" | "reboot" | "migrate" | "locate" | "expunge";

/** The one exclusive operation of an instance. Present in every transitional state; in `running` only to reboot. */
export interface Op {
  readonly kind: OpKind;
  /** What is being waited for, for people. */
  readonly step: string;
  readonly since: Instant;
  /** When the next action is taken if nothing has happened by then. */
  readonly deadline: Instant;
  /** Counts the deadlines that passed when there was nothing harder left to try than to ask again. */
  readonly attempt: number;
}

/** Why an instance is where it is, when nobody asked for it. */
export interface Cause {
  /** A class of the published taxonomy, for example `guest-shutdown` or `launch-failed`. */
  readonly class: CauseClass;
  /** One sentence for people. */
  readonly says: string;
  readonly at: Instant;
  readonly problem?: ProblemView;
}

export interface Instance {
  readonly id: InstanceId;
  readonly project: ProjectId;
  readonly name: string;
  readonly type: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly image: ImageId;
  readonly volume: VolumeId;
  readonly zone: string | undefined;
  readonly hostTags: readonly string[];
  readonly antiAffinityGroup: string | undefined;
  readonly userData: string | undefined;
  /** Created with its processors stopped, for whoever wants to look before it runs. */
  readonly startPaused: boolean;
  readonly isProtected: boolean;
  /** Whether its guest is answered at the metadata address. */
  readonly metadata: "on" | "off";
  /** Whether its guest needs a token to ask for its metadata. */
  readonly metadataTokens: MetadataTokens;
  /** How many hops answers reach where a token is needed, 1 to 64. The guest itself is one. */
  readonly metadataHops: number;
  /** What automation does when it has died. */
  readonly recovery: Recovery;
  /** Higher ones are started first where many wait. */
  readonly priority: number;
  /** A restart waits for these to be up first, for a while. */
  readonly dependsOn: readonly InstanceId[];
  readonly createdAt: Instant;

  readonly desired: Desired;
  readonly state: InstanceState;
  readonly op: Op | undefined;
  /** The job that carries the last command, until that is done. */
  readonly job: JobRef | undefined;
  /** Skip the polite steps of the stop that is under way. */
  readonly isForced: boolean;
  /** That of the process at home. Goes up only. */
  readonly generation: number;
  /** The last one ever given out: one that is to arrive on another host has a later one than home. */
  readonly lastGeneration: number;
  readonly home: HostId | undefined;
  /** Where it was last launched. */
  readonly lastHost: HostId | undefined;
  /** How often a reset was asked for in this generation; `isForced` presses reset, otherwise asks the guest. */
  readonly reboots: number;
  readonly cause: Cause | undefined;
  /** When automation last had to start it again; what is older than the window is forgotten. */
  readonly restarts: readonly Instant[];
  /** Automation leaves it alone until then. */
  readonly notBefore: Instant | undefined;
  /** Where it has just failed. */
  readonly avoidHosts: readonly HostId[];
  readonly destroyedAt: Instant | undefined;
  /** The request that last asked for something. */
  readonly requestId: string;
  /** Counts every write of the row. Orders to hosts carry it. */
  readonly version: number;
}

/**
 * `automatic`: where its cause says, in place or elsewhere. `in-place`: on the same host only. `elsewhere`:
 * on another if there is one. `none`: it stays stopped, with its cause.
 */
export const recoveries = ["automatic", "in-place", "elsewhere", "none"] as const;
export type Recovery = (typeof recoveries)[number];

export interface JobRef {
  readonly id: JobId;
  readonly kind: JobKind;
}

export type JobKind =
  | "run"
  | "start"
  | "stop"
  | "reboot"
  | "relaunch"
  | "migrate"
  | "abort"
  | "destroy"
  | "recover"
  | "expunge";

/** What is known of the process of one generation. Facts only: written from reports, never from hopes. */
export interface Incarnation {
  readonly generation: number;
  readonly host: HostId;
  /** `asked`: a host was told; nothing has been heard yet. `incoming`: it waits for its memory, and does not run. */
  readonly phase: "asked" | "incoming" | "running" | "exited";
  readonly guest: GuestPhase;
  /** How many resets the host has carried out. */
  readonly reboots: number;
  readonly ending: Ending | undefined;
  /** How its processors came to run. Known when its host says so, and only kept. */
  readonly begun?: Begun | undefined;
}

export type GuestPhase = "booting" | "up" | "paused" | "panicked" | "io-error";

/** How a process ended, as far as deciding goes. The whole evidence is in the journal. */
export interface Ending {
  /** `migrated`: all of it had been sent to another host, which was told to run it. */
  readonly how: "exited" | "never-launched" | "launch-failed" | "migrated";
  /** Its processors have not run for a moment: it has changed nothing. */
  readonly neverRan?: boolean;
  readonly cause: Cause;
}

/**
 * What the platform wants of one generation, for planned work, whatever its owner wants of the instance.
 *
 * `leave`: end here and start elsewhere. `pause`: end here, and start here again when its host is given back.
 * `return`: that has happened. `reboot`: be rebooted once more than it had been.
 */
export interface Errand {
  readonly does: "leave" | "pause" | "return" | "reboot";
  /** How often it had been rebooted. */
  readonly reboots: number;
}

/** A move to another host: that which is under way, or one that has come to its end in this look. */
export interface Migration {
  readonly id: MigrationId;
  readonly state: MigrationState;
  readonly from: HostId;
  /** The process that is to go on with the guest, on the destination. */
  readonly arrival: Incarnation;
  /** Of the destination, as far as the arrival goes. */
  readonly lease: World["lease"];
  readonly fence: Fence | undefined;
  /** Where the destination can be reached, once it has said so. */
  readonly relay: string | undefined;
  /** Who wants it broken off: a person, or the platform. */
  readonly abort: "asked" | "given-up" | undefined;
  /** The source tries no more, and runs on: it has never been handed over. */
  readonly hasGivenUp: boolean;
  /** All of it has been sent. The source stands still, and cannot know whether it was let run there. */
  readonly hasSent: boolean;
  /** What went wrong, for people. */
  readonly says: string | undefined;
  readonly problem: ProblemView | undefined;
  readonly terms: MigrationTerms;
}

/** How a move may be done; written down when it begins, because settings may change meanwhile. */
export interface MigrationTerms {
  /** Undefined: as fast as the network goes. */
  readonly bytesPerSecond: number | undefined;
  readonly mayPostcopy: boolean;
  /** The network to send it over, as `10.8.0.0/24`. Undefined: the one between the guests of hosts. */
  readonly network: string | undefined;
  /** For plain copying, for copying from a guest that is slowed down, and for the last step. */
  readonly precopy: Duration;
  readonly converge: Duration;
  readonly switching: Duration;
}

/** All that a decision may rest on. */
export interface World {
  readonly instance: Instance;
  /** That of `instance.generation`, if it was ever launched. */
  readonly incarnation: Incarnation | undefined;
  /** That of its host, as far as this incarnation goes. */
  readonly lease: "valid" | "expired" | "fenced" | "none";
  /** The certificate that covers its incarnation; present exactly if the lease is `fenced`. */
  readonly fence: Fence | undefined;
  /** Where it moves to, if it does. */
  readonly migration: Migration | undefined;
  /** The names of those it depends on that are wanted and not up. */
  readonly waitsFor: readonly string[];
  readonly image: "ready" | "importing" | "missing";
  readonly volume: "unplaced" | "placed" | "released";
  /** What is being done with its volumes. */
  readonly underWay: readonly UnderWay[];
  /** Of this generation. */
  readonly errand?: Errand | undefined;
  readonly patience: Patience;
  readonly now: Instant;
}

/** What proves that the incarnation cannot be running any more. */
export interface Fence {
  readonly certificate: string;
  readonly proof: string;
  /** In words: `its power was read back as off`. */
  readonly says: string;
  readonly provenAt: Instant;
}

/** How long each thing may take; settings, handed in so that a change takes effect at the next look. */
export interface Patience {
  readonly provisioning: Duration;
  readonly starting: Duration;
  /** From the guest's power button to its own power-off; then its host forces it. */
  readonly stopGrace: Duration;
  /** `stopGrace`, and time for the host to force it and to say so. */
  readonly stoppingGracefully: Duration;
  readonly stoppingForced: Duration;
  /** From the guest's power button to its own power-off, before its reset button is pressed. */
  readonly rebootGrace: Duration;
  /** `rebootGrace`, and time for the host to carry out the reset. */
  readonly rebooting: Duration;
  readonly lost: Duration;
  /** From the choice of a destination to its word that it waits for the memory. */
  readonly preparingMigration: Duration;
  /** For people and hosts to say that a move which was broken off is over. */
  readonly abortingMigration: Duration;
  readonly expunging: Duration;
  readonly undoWindow: Duration;
  readonly dependencyWait: Duration;
  readonly restartsPerWindow: number;
  readonly restartWindow: Duration;
  /** From running processors to the guest's own word that it is up, for images that give it. */
  readonly bootTimeout: Duration;
}
