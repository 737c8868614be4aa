/**
 * The nouns of status checks. The words are EC2's, so that what people know of those is true here.
 *
 * A check says how something looks from outside. It is never a state: nothing in the life of an instance
 * follows from a check but what somebody has set an alarm for.
 */
import type { HostState } from "@holdfast/cloud/hosts";
import type { InstanceState } from "@holdfast/cloud/instances";
import type { Duration, Instant } from "@holdfast/kernel/time";

/**
 * `system`: what the platform owes the guest (host, link, storage path, hypervisor process). `instance`:
 * the guest itself. `volume`: whether its disks complete what they are asked.
 */
export const checkNames = ["system", "instance", "volume"] as const;
export type CheckName = (typeof checkNames)[number];

export const checkStatuses = ["passed", "failed", "insufficient-data", "initializing"] as const;
export type CheckStatus = (typeof checkStatuses)[number];

export const summaries = [
  "ok",
  "impaired",
  "insufficient-data",
  "not-applicable",
  "initializing",
] as const;
export type Summary = (typeof summaries)[number];

/** What one look says about one check, before anything is made of it. */
export interface Verdict {
  readonly is: CheckStatus;
  /** What was seen, in a sentence for people. Has figures only where something is wrong. */
  readonly says: string;
  /** What to do or type next; absent where nothing is wrong. */
  readonly fix?: string;
}

/** A check as it is remembered and shown. */
export interface Check {
  readonly status: CheckStatus;
  /** Looks in a row that failed, up to now. */
  readonly failures: number;
  /** When the first of them was, if the check has failed. */
  readonly impairedSince: Instant | undefined;
  /** When the status became what it is. */
  readonly changedAt: Instant;
  readonly says: string;
  readonly fix: string | undefined;
}

export type Checks = Readonly<Record<CheckName, Check>>;
export type Verdicts = Readonly<Record<CheckName, Verdict>>;

/** An instance, as far as judging it goes. */
export interface Subject {
  readonly name: string;
  readonly state: InstanceState;
  readonly image: { readonly saysReady: boolean; readonly bootSeconds: number | null };
  readonly host: HostSeen | undefined;
}

export interface HostSeen {
  readonly name: string;
  readonly state: HostState;
  /** Since its lease was last renewed; undefined if that never was. */
  readonly unheardFor: Duration | undefined;
  /** Since its last checkup; undefined if there never was one. */
  readonly uncheckedFor: Duration | undefined;
}

/** Numbers that come from settings. */
export interface Limits {
  readonly interval: Duration;
  readonly failures: number;
  readonly bootTimeout: Duration;
  readonly stalledIo: Duration;
  readonly storageLatency: Duration;
}
