/**
 * The nouns of this capability. Plain readonly data.
 *
 * A volume that a restore has replaced is still there while snapshots lie in it: what people call the volume is
 * its successor, so a snapshot knows both, whose it is and where it lies.
 */
import type { HostId, VolumeId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Activity } from "./activities.ts";
import type { VolumeState } from "./lifecycle.ts";

/** `ephemeral`: made anew with each launch of its instance, and gone with it. */
export const volumeKinds = ["root", "data", "ephemeral"] as const;
export type VolumeKind = (typeof volumeKinds)[number];

/** How much a guest may ask of a disk, reads and writes together. Null: as much as there is. */
export interface DiskLimits {
  readonly iops: number | null;
  readonly bytesPerSecond: number | null;
}

/** The pool that is each host's own: what is in it goes nowhere else. */
export const localPool = "local";

/** A disk of an instance, as far as it matters to where that can run and what it would lose. */
export interface Disk {
  readonly volume: VolumeId;
  readonly pool: string;
  readonly kind: VolumeKind;
  readonly state: VolumeState;
  /** Where it is, if it is anywhere yet. */
  readonly host: HostId | null;
  /** The host that works on it while no guest has it open. */
  readonly workedOnBy: HostId | null;
}

/** Something that is being done with a volume of an instance, and who asked for it. */
export interface UnderWay {
  readonly activity: Activity;
  readonly volume: string;
  readonly by: string;
  readonly since: Instant;
  readonly until: Instant;
}

/** `INSTANCE.root` and `INSTANCE.ephemeral` are an instance's own volumes: names that people choose hold no dots. */
export function ownVolume(
  asked: string,
): { readonly instance: string; readonly kind: Exclude<VolumeKind, "data"> } | undefined {
  const [, instance, kind] = /^([a-z0-9-]+)\.(root|ephemeral)$/.exec(asked) ?? [];
  return instance && (kind === "root" || kind === "ephemeral") ? { instance, kind } : undefined;
}

/** What goes with the next stop of an instance, in words for whoever is about to cause it. */
export const ephemeralWarning = (instance: string, disks: number) =>
  disks === 1
    ? `What is on the ephemeral disk of ${instance} is lost: it survives a reboot and nothing else.`
    : `What is on the ${disks} ephemeral disks of ${instance} is lost: they survive a reboot and nothing else.`;
