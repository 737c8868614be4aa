/** What hosts should hear after a pass: the wishes of the instances that changed on them. */
import type { Unwanted, Wish } from "@holdfast/cloud/hosts";
import type { Manifest } from "@holdfast/cloud/images";
import type { HostId, ImageId } from "@holdfast/kernel/ids";
import { wishOf } from "../core/wish.ts";
import { type Case, isTouched, versionAfter } from "./case.ts";

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

/** Told is whoever has the instance; and whoever has the volume of one that is being expunged. */
export function ordersOf(
  cases: Iterable<Case>,
  manifests: ReadonlyMap<ImageId, Manifest>,
): ReadonlyMap<HostId, HostOrders> {
  const orders = new Map<HostId, { wishes: Wish[]; deleteVolumes: Unwanted[] }>();
  const to = (host: HostId) => {
    const known = orders.get(host) ?? { wishes: [], deleteVolumes: [] };
    orders.set(host, known);
    return known;
  };
  for (const item of cases) {
    if (!isTouched(item)) continue;
    const { epoch, settled } = item;
    const { incarnation, patience } = settled.world;
    const instance = { ...settled.world.instance, version: versionAfter(item) };
    const { home, image, state, volume } = instance;
    const { disks, volumeHost, pool, nics, lastDeath } = item.before;
    const manifest = manifests.get(image);
    if (home) {
      const phase = incarnation?.phase;
      const input = { instance, epoch, phase, manifest, disks, nics, lastDeath };
      to(home).wishes.push(wishOf(input, patience));
    }
    if (state === "expunging" && volumeHost) to(volumeHost).deleteVolumes.push({ volume, pool });
  }
  return orders;
}
