/**
 * Whether a volume and an instance can come together: a disk that is in one host is of use on that host only.
 *
 * The answer is a reason and not a yes or no, because people can do something about most of them.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { type Disk, localPool } from "./model.ts";

/** An instance and its disks, as they are. */
export interface Station {
  /** Where it may be running. */
  readonly home: HostId | null;
  /** The shared pools that its home reaches. */
  readonly pools: readonly string[];
  readonly disks: readonly Disk[];
}

/**
 * The one host that an instance can start on: for the sake of what is in that host only, or of what that host is
 * doing with one of its disks. Two hosts must not write one file.
 */
export function tiedTo(disks: readonly Disk[]): HostId | undefined {
  const kept = disks.filter(({ kind }) => kind !== "ephemeral");
  const own = kept.find(({ pool, host }) => pool === localPool && host !== null);
  const busy = kept.find(({ workedOnBy }) => workedOnBy !== null);
  return own?.host ?? busy?.workedOnBy ?? undefined;
}

/** The shared pools that its host must reach. */
export const poolsOf = (disks: readonly Disk[]): readonly string[] => [
  ...new Set(disks.map(({ pool }) => pool).filter((pool) => pool !== localPool)),
];

export type Fit =
  | { readonly is: "fits" }
  /** The volume is in another host than the instance, or than its other disks. */
  | { readonly is: "elsewhere"; readonly volumeHost: HostId; readonly other: HostId }
  | { readonly is: "pool-out-of-reach"; readonly pool: string; readonly home: HostId };

export function fit(volume: Pick<Disk, "pool" | "host">, { home, pools, disks }: Station): Fit {
  if (volume.pool !== localPool)
    return home && !pools.includes(volume.pool)
      ? { is: "pool-out-of-reach", pool: volume.pool, home }
      : { is: "fits" };
  const other = home ?? tiedTo(disks);
  if (!volume.host || !other || volume.host === other) return { is: "fits" };
  return { is: "elsewhere", volumeHost: volume.host, other };
}

/** The lowest number that no disk has; the root volume has 0. */
export function freeSlot(taken: readonly number[]): number {
  let slot = 1;
  while (taken.includes(slot)) slot++;
  return slot;
}
