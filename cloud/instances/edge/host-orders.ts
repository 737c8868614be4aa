/** What hosts should hear after a pass: the wishes of the instances that changed on them. */
import { briefOf } from "@holdfast/cloud/deaths/edge";
import type { Unwanted, Wish } from "@holdfast/cloud/hosts";
import type { Manifest } from "@holdfast/cloud/images";
import type { HostId, ImageId } from "@holdfast/kernel/ids";
import { openMigration } from "../core/migration.ts";
import { arrivalWishOf, farewellOf, wishOf } from "../core/wish.ts";
import { type Case, isDeparted, isTouched, leftoverOf, versionAfter } from "./case.ts";
import type { Leftover } from "./migration-rows.ts";

/** What one host is told after a pass. */
export interface HostOrders {
  readonly wishes: readonly Wish[];
  readonly deleteVolumes: readonly Unwanted[];
}

/** The images that `ordersOf` needs the manifests of. */
export function imagesOf(cases: Iterable<Case>): readonly ImageId[] {
  const running = [...cases].filter((item) => isTouched(item) && item.settled.world.instance.home);
  return [...new Set(running.map(({ settled }) => settled.world.instance.image))];
}

/**
 * Told is whoever has the instance, was or is to become its home; and whoever has the volume of one that is
 * being expunged, or a copy of it that nobody needs.
 */
export function ordersOf(
  cases: Iterable<Case>,
  manifests: ReadonlyMap<ImageId, Manifest>,
  leftovers: readonly Leftover[],
): ReadonlyMap<HostId, HostOrders> {
  const orders = new Map<HostId, { wishes: Wish[]; deleteVolumes: Unwanted[] }>();
  const to = (host: HostId) => {
    const known = orders.get(host) ?? { wishes: [], deleteVolumes: [] };
    orders.set(host, known);
    return known;
  };
  for (const item of cases) {
    if (!isTouched(item)) continue;
    const { epoch, arrivalEpoch, settled, before } = item;
    const { patience, incarnation, lease, migration } = settled.world;
    const instance = { ...settled.world.instance, version: versionAfter(item) };
    const { home, image, state, volume } = instance;
    const { disks, volumeHost, pool, nics } = before;
    const lastDeath = item.death ? briefOf(item.death.certificate) : before.lastDeath;
    const world = { instance, incarnation, lease, migration };
    const input = { ...world, manifest: manifests.get(image), disks, nics, lastDeath };
    const open = openMigration(settled.world);
    // Of one that has ended, while it moves, there is nothing more to wish for at home.
    if (home && !(open && incarnation?.phase === "exited"))
      to(home).wishes.push(wishOf(input, epoch, patience));
    const arrival = arrivalWishOf(input, arrivalEpoch, patience);
    if (open && arrival) to(open.arrival.host).wishes.push(arrival);
    const was = before.world.instance;
    if (migration?.state === "switched" && was.home === migration.from && was.home !== home)
      to(was.home).wishes.push(farewellOf(instance, before.hostEpoch, was.generation));
    if (state === "expunging" && volumeHost) to(volumeHost).deleteVolumes.push({ volume, pool });
    const leftover = leftoverOf(item);
    if (leftover && (migration?.state !== "switched" || isDeparted(item)))
      to(leftover).deleteVolumes.push({ volume, pool });
  }
  for (const { host, volume } of leftovers) to(host).deleteVolumes.push({ volume, pool: "local" });
  return orders;
}
