/**
 * Snapshots of one or more volumes at one moment.
 *
 * Where a guest has them open it is held up meanwhile: by its own agent, which writes out what it has in its
 * caches first, or else by stopping its processors, and then the snapshot is like a disk after a power cut.
 * Whichever it is, it is let go by its host when it has lasted too long, whatever has become of us.
 */
import type { StorageFacts } from "@holdfast/cloud/hosts";
import type { Hypervisor, MachineRef } from "@holdfast/drivers/hypervisor";
import { diskIdOf, type VolumePool } from "@holdfast/drivers/volumes";
import type { VolumeId } from "@holdfast/kernel/ids";
import type { Duration } from "@holdfast/kernel/time";

interface Where {
  readonly volume: VolumeId;
  readonly pool: VolumePool;
}

interface How {
  readonly name: string;
  /** Ask the guest first. */
  readonly freeze: boolean;
  readonly atMost: Duration;
  /** Whether a guest of this host has this volume open. */
  readonly isOn: (volume: VolumeId) => boolean;
}

/**
 * `holder` has the first of them open, if anybody has. Those that are there already stay as they are; if all
 * are, what the guest did meanwhile is not known.
 */
export async function momentOf(
  hypervisor: Hypervisor,
  holder: MachineRef | undefined,
  all: readonly Where[],
  how: How,
): Promise<StorageFacts["guest"]> {
  const { name, isOn } = how;
  const left: Where[] = [];
  for (const each of all) if (!(await has(each, name))) left.push(each);
  if (left.length === 0) return undefined; // Whoever made it did not live to say how.
  const inGuest = left.filter(({ volume, pool }) => isOn(volume) && !pool.abilities.isLive);
  const atPool = left.filter((each) => !inGuest.includes(each));
  const make = async () => {
    if (holder && inGuest.length > 0)
      await hypervisor.snapshotDisks(
        holder,
        inGuest.map(({ volume }) => diskIdOf(volume)),
        name,
      );
    for (const { volume, pool } of atPool) await pool.snapshot(volume, name);
  };
  if (holder) return heldUp(hypervisor, holder, how, make);
  await make();
  return "off";
}

async function heldUp(
  hypervisor: Hypervisor,
  holder: MachineRef,
  { freeze, atMost }: How,
  work: () => Promise<void>,
): Promise<"frozen" | "paused"> {
  if (freeze && (await hypervisor.freeze(holder, atMost))) {
    await work().finally(() => hypervisor.thaw(holder).catch(() => {})); // Its host thaws it in a while.
    return "frozen";
  }
  const view = hypervisor.list(holder.id).find((each) => each.generation === holder.generation);
  const goesOn = view?.is === "running" && (view.guest === "up" || view.guest === "booting");
  if (!goesOn) {
    await work(); // Somebody has paused it, and will want to resume it.
    return "paused";
  }
  await hypervisor.pause(holder, atMost);
  await work().finally(() => hypervisor.resume(holder).catch(() => {})); // The same.
  return "paused";
}

async function has({ volume, pool }: Where, name: string): Promise<boolean> {
  return (await pool.snapshots(volume)).some((each) => each.name === name);
}
