/**
 * The disks of simulated machines: what is plugged in, how big it is, and what is remembered about it.
 *
 * There are no bytes. What a backup would have copied is not here, only that it was made and what later
 * ones can build on, because that is what everybody else decides by.
 */
import type { Clock, Duration } from "@holdfast/kernel/time";
import { assertDiskId, hotSlots } from "./block-nodes.ts";
import type { AttachedDisk, BackupOrder, Disk, DiskLimits } from "./driver.ts";
import {
  backupPointMissing,
  backupTargetFull,
  detachRefused,
  diskInUse,
  diskLocked,
  diskNotAttached,
  noFreeSlot,
} from "./refusals.ts";
import type { SimulatedDisk, SimulatedMachine } from "./simulated-machine.ts";
import { happen, type SimulatedWorld } from "./simulated-world.ts";

/** Of a disk about whose size nobody has said anything. */
const unknownSize = 1 << 30;

export const simulatedDisk = (
  world: SimulatedWorld,
  disk: Disk,
  isHot: boolean,
): SimulatedDisk => ({
  disk,
  isHot,
  bytes: world.backing.sizeOf(disk) ?? unknownSize,
  limits: told(disk.limits),
  snapshots: [],
  points: [],
});

export const viewOfDisk = (known: SimulatedDisk): AttachedDisk => ({
  id: known.disk.id,
  bytes: known.bytes,
  readOnly: known.disk.readOnly,
  limits: known.limits,
  snapshots: known.snapshots,
  points: known.points,
});

export function attach(world: SimulatedWorld, machine: SimulatedMachine, disk: Disk): void {
  assertDiskId(disk.id);
  if (machine.disks.has(disk.id)) return;
  const hot = [...machine.disks.values()].filter(({ isHot }) => isHot);
  if (hot.length >= hotSlots) throw noFreeSlot(hotSlots);
  if (isLocked(world, disk)) throw diskInUse([]);
  if (!world.backing.opens(disk)) throw diskLocked([]);
  machine.disks.set(disk.id, simulatedDisk(world, disk, true));
}

export async function detach(
  world: SimulatedWorld,
  machine: SimulatedMachine,
  id: string,
  within: Duration,
  clock: Clock,
): Promise<void> {
  if (!machine.disks.has(id)) return;
  const obeys = machine.saidReady && machine.phase === "running" && !machine.isHung;
  if (!obeys || world.tempers.get(machine.spec.id)?.keepsDisks) {
    await clock.sleep(within);
    throw detachRefused(id);
  }
  machine.disks.delete(id);
  happen(world, machine, { what: "detached", disk: id });
}

export function known(machine: SimulatedMachine, id: string): SimulatedDisk {
  const found = machine.disks.get(id);
  if (!found) throw diskNotAttached(id);
  return found;
}

export function backUp(world: SimulatedWorld, disk: SimulatedDisk, order: BackupOrder): void {
  const { point, since } = order;
  if (since !== undefined && !disk.points.includes(since)) throw backupPointMissing();
  if (world.isFull(order.file)) throw backupTargetFull();
  const place = `${point.split(".")[0]}.`;
  const kept = disk.points.filter(
    (name) =>
      name === since || (name !== point && (since === undefined || !name.startsWith(place))),
  );
  disk.points = [...kept, point];
}

/** Zero is none, and none is not told. */
export const told = ({ iops, bytesPerSecond }: DiskLimits = {}): DiskLimits => ({
  ...(iops ? { iops } : {}),
  ...(bytesPerSecond ? { bytesPerSecond } : {}),
});

/** Two writers of one file on one host, as the kernel's lock tells them apart. */
function isLocked(world: SimulatedWorld, { source, readOnly }: Disk): boolean {
  const open = [...world.machines.values()]
    .filter(({ exit }) => !exit)
    .flatMap(({ disks }) => [...disks.values()]);
  return open.some(
    ({ disk }) =>
      !(readOnly && disk.readOnly) && disk.source.files.some((file) => source.files.includes(file)),
  );
}
