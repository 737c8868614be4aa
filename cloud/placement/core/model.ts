/**
 * The nouns of placement. Plain readonly data.
 *
 * Sizes are requests, never what a guest happens to use, and they are whole numbers. Factors are not
 * part of any size: they are an argument of each choice, so that changing one works at once.
 */
import type { HostId } from "@holdfast/kernel/ids";

/** A host as placement sees it. */
export interface HostCapacity {
  readonly id: HostId;
  readonly name: string;
  readonly zone: string;
  readonly pod: string;
  readonly cluster: string;
  readonly tags: readonly string[];
  /** What the machine has: processor threads, and memory that guests may use. */
  readonly cpus: number;
  readonly memoryMiB: number;
  /** What has been given out: the sum over the instances that call this host home. */
  readonly reservedCpus: number;
  readonly reservedMemoryMiB: number;
  readonly state: "up" | "suspect" | "down";
  readonly mode: "enabled" | "draining" | "maintenance";
  /** Reasons to avoid this host although it is up, for example `disk sda reports 12 bad sectors`. */
  readonly concerns: readonly string[];
}

/** What somebody wants a place for. */
export interface PlacementRequest {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly zone?: string;
  /** The host must carry every one of these. */
  readonly tags: readonly string[];
  /** Instances of the same group never share a host, and are kept in other zones and pods if possible. */
  readonly antiAffinityGroup?: string;
  /** Only these will do, for example because the volume lives there. Undefined: any. */
  readonly onlyHosts?: readonly HostId[];
  /** Not these: it has just failed there. */
  readonly avoidHosts: readonly HostId[];
}

export type Planner = "first-fit" | "best-fit" | "spread";

/** Capacity is physical times factor, evaluated at the moment of the choice; requests are never scaled. */
export interface Overprovisioning {
  readonly cpu: number;
  readonly memory: number;
}

/** The factors everywhere, and where a cluster has its own, those. */
export interface Factors extends Overprovisioning {
  readonly clusters?: Readonly<Record<string, Partial<Overprovisioning>>>;
}

/** How to choose: read from the settings each time, never kept. */
export interface PlacementOptions {
  readonly planner: Planner;
  readonly factors: Factors;
}

/**
 * The rules that may refuse a host. Health is not among them: concerns make a host the last resort,
 * because a guest on a worrying host beats no guest at all.
 */
export type Rule =
  | "host-state"
  | "host-mode"
  | "zone"
  | "tags"
  | "only-hosts"
  | "avoided"
  | "anti-affinity"
  | "cpu"
  | "memory";

/** Why a host was refused: the rule, and where it is a matter of quantity, the quantities. */
export interface Rejection {
  readonly rule: Rule;
  readonly have: string | number;
  readonly need: string | number;
  readonly unit?: "cpus" | "MiB";
  /** need minus have, for quantities. */
  readonly shortBy?: number;
}

export interface Verdict {
  readonly host: HostId;
  readonly name: string;
  readonly verdict: "chosen" | "feasible" | "rejected";
  /** How many other feasible hosts the planner ranks below this one; only for hosts that are feasible. */
  readonly score?: number;
  /** What the planner looked at, in words: `2048 MiB and 3 cpus left after placing`. */
  readonly merit?: string;
  /** Every rule that it breaks, not only the first. */
  readonly rejections: readonly Rejection[];
  /** Why it is a last resort, if it is. */
  readonly concerns: readonly string[];
}

/** What kind of change a fix is, for programs. The order here is the order of nearness. */
export const fixKinds = [
  "free-capacity",
  "raise-factor",
  "relax-anti-affinity",
  "enable-host",
  "add-tags",
  "drop-tags",
  "other-zone",
  "allow-host",
  "stop-avoiding",
  "ask-for-less",
  "bring-host-up",
  "add-host",
] as const;
export type FixKind = (typeof fixKinds)[number];

/** A single change that would have admitted the request: tried, not guessed. */
export interface NearestFix {
  readonly kind: FixKind;
  /** In words, as an order: `free 512 MiB on h7`. */
  readonly change: string;
  /** The hosts that would then do. Empty for `add-host`, whose host does not exist yet. */
  readonly wouldAdmit: readonly HostId[];
}

export interface Explanation {
  readonly planner: Planner;
  readonly request: PlacementRequest;
  readonly chosen: HostId | undefined;
  /** One verdict for every host, in name order; in a brief explanation of a few. */
  readonly hosts: readonly Verdict[];
  /** How many hosts were asked. */
  readonly asked: number;
  /** How many hosts each rule refused, most first. A host that breaks two rules counts in both. */
  readonly summary: readonly { readonly rule: Rule; readonly hosts: number }[];
  /** Nearest first; empty when a host was found. */
  readonly nearestFixes: readonly NearestFix[];
}
