/** The death certificate: what an inquest ends in, as it is stored and as everybody reads it. */
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { CauseClass, Layer, Recovery } from "./taxonomy.ts";

/** `certain`: the evidence leaves no other cause. `likely`: something speaks against it, or only one witness for it. */
export type Confidence = "certain" | "likely" | "none";

/** Who saw it. */
export type Source =
  | "manager"
  | "host"
  | "host kernel"
  | "hypervisor"
  | "guest console"
  | "guard"
  | "agent"
  | "operator";

/** One thing that was found. */
export interface Finding {
  readonly at: Instant;
  readonly source: Source;
  readonly says: string;
}

/** One thing that was looked for in vain. */
export interface Missing {
  readonly what: string;
  readonly found: false;
  readonly why: string;
}

/** What the guest's kernel said of its own end. */
export interface Panic {
  readonly class: string;
  readonly title: string;
  readonly function?: string;
  readonly module?: string;
  readonly because: string;
}

export interface DeathCertificate {
  readonly instance: InstanceId;
  readonly generation: number;
  readonly host: { readonly id: HostId; readonly name: string };
  readonly at: Instant;
  readonly cause: CauseClass;
  readonly layer: Layer;
  /** One sentence. */
  readonly says: string;
  readonly confidence: Confidence;
  /** Oldest first. */
  readonly evidence: readonly Finding[];
  readonly sought: readonly Missing[];
  /** The last lines of the serial console, oldest first. */
  readonly console: readonly string[];
  readonly panic?: Panic;
  readonly recovery: Recovery;
  /** What a person should do. */
  readonly next: string;
}
