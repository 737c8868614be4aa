/** The nouns of placement. Plain readonly data; sizes are requests, never what a guest happens to use. */
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
  /** Instances of the same group never share a host. */
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

export type Rule =
  | "host-state"
  | "host-mode"
  | "host-health"
  | "zone"
  | "only-hosts"
  | "avoided"
  | "tags"
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
  /** Higher is better; only for hosts that are feasible. */
  readonly score?: number;
  /** Every rule that it breaks, not only the first. */
  readonly rejections: readonly Rejection[];
}

/** The smallest single change that would have admitted the request. */
export interface NearestFix {
  readonly change: string;
  readonly wouldAdmit: readonly HostId[];
}

export interface Explanation {
  readonly planner: Planner;
  readonly chosen: HostId | undefined;
  readonly hosts: readonly Verdict[];
  /** How many hosts each rule refused. */
  readonly summary: readonly { readonly rule: Rule; readonly hosts: number }[];
  /** Nearest first; empty when a host was found. */
  readonly nearestFixes: readonly NearestFix[];
}
