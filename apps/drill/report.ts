/**
 * What a drill is given, and what it hands back: for the command, and for bench/recovery.ts.
 */
import type { Client } from "@holdfast/client/client";
import type { Power } from "@holdfast/drivers/power";
import type { DrillName } from "./drills.ts";
import type { Site } from "./site.ts";
import type { Timeline } from "./timeline.ts";

export interface Stage {
  readonly client: Client;
  readonly site: Site;
  readonly project: string;
  /** Told to whoever waits, as it happens. */
  readonly say: (line: string) => void;
  /** When it fires, everything is put right and the drill rejects with its reason. */
  readonly interrupted?: AbortSignal;
}

export interface How {
  /** What lasts, lasts so long; milliseconds. */
  readonly lasting?: number;
  readonly power?: Power | undefined;
  readonly isBmcDead?: boolean;
}

/** What became of one guest that was to die, or to stand still. */
export interface Outcome {
  readonly instance: string;
  readonly timeline: Timeline;
  /** What the certificate said when the guest was up again. */
  readonly named: string | undefined;
  readonly says: string | undefined;
  readonly confidence: string | undefined;
  /** What it says since its host is back, if that is something else. */
  readonly amendedTo?: string;
  readonly isRight: boolean;
  /** Where it is now if it is not up again, and why. */
  readonly stuck?: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** Milliseconds after the beginning. */
export interface Step {
  readonly what: string;
  readonly at: number;
}

export interface Report {
  readonly drill: DrillName;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly injectedAt: number;
  readonly outcomes: readonly Outcome[];
  /** Of a drill that is not over at one blow. */
  readonly steps: readonly Step[];
  readonly witnesses: readonly Testimony[];
  /** Milliseconds after the blow: the API or the host was seen to be away, and to be back. */
  readonly noticed: number | undefined;
  readonly back: number | undefined;
  readonly isAsExpected: boolean;
}

/** Of a guest that was not to notice anything. */
export interface Testimony {
  readonly name: string;
  readonly spoke: boolean;
  readonly faults: readonly string[];
  /** What there is to say of it if it has none. */
  readonly says?: string;
}

export type Findings = Pick<Report, "injectedAt" | "isAsExpected"> & Partial<Report>;

export const reportOf = (drill: DrillName, subject: string, found: Findings): Report => ({
  outcomes: [],
  steps: [],
  witnesses: [],
  noticed: undefined,
  back: undefined,
  ...found,
  drill,
  subject,
});
