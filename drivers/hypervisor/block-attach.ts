/**
 * Disks that come and go while a machine runs, and what can be set about them meanwhile.
 *
 * To unplug is to ask: the guest answers when it likes, also long after whoever asked has given up, so what
 * there is to clear away is cleared when QEMU says that the device is gone and not where it was asked for.
 * QEMU is the only record of what is plugged in; nothing here remembers anything.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type BlockSource, fileSource } from "@holdfast/kernel/block";
import { type Duration, milliseconds } from "@holdfast/kernel/time";
import {
  backUpNode,
  backupJob,
  pointsIn,
  readNodes,
  removeNodeSnapshot,
  snapshotNodes,
} from "./block-jobs.ts";
import { addKey, removeKey } from "./block-keys.ts";
import {
  assertDiskId,
  deviceOf,
  formatNode,
  hotSlots,
  limitsFor,
  limitsOf,
  nodesOf,
  slotName,
} from "./block-nodes.ts";
import type { AttachedDisk, BackupOrder, Disk, DiskLimits, MachineRef } from "./driver.ts";
import { type Ask, isRecord, type QmpArguments, QmpRefusal } from "./qmp.ts";
import {
  detachRefused,
  diskBusy,
  diskCannotGrow,
  diskInUse,
  diskLocked,
  diskNotAttached,
  diskUnusable,
  keyIsWrong,
  noFreeSlot,
} from "./refusals.ts";

/** What of a machine is needed for it. */
export interface Plugged {
  readonly ref: MachineRef;
  query(command: string, within: Duration, args?: QmpArguments): Promise<unknown>;
  /** Makes the files of a disk the guest's, until they are taken back or it ends. */
  lend(id: string, source: BlockSource, readOnly: boolean): Promise<void>;
  takeBack(id: string): Promise<void>;
  /** Resolves when a disk has been cleared away, or with false at the deadline. */
  unplugged(id: string, within: Duration): Promise<boolean>;
}

/** To open a disk QEMU reads its tables, and over a network it connects first. */
const answerTime = milliseconds(30_000);
/** A device that is gone may still be finishing its last request. */
const lastRequests = { tries: 50, wait: 20 };

const askerOf =
  (machine: Plugged): Ask =>
  (command, args) =>
    machine.query(command, answerTime, args).catch((error: unknown) => {
      const cause = error instanceof Error ? error.cause : undefined;
      throw cause instanceof QmpRefusal ? cause : error;
    });

export async function listDisks(machine: Plugged): Promise<readonly AttachedDisk[]> {
  const ask = askerOf(machine);
  const [devices, nodes] = await Promise.all([devicesOf(ask), readNodes(ask)]);
  return Promise.all(
    devices.map(async ({ id, readOnly }) => {
      const format = nodes.get(formatNode(id));
      const path = `/objects/${limitsOf(id)}`;
      // A machine that an older version has launched has none.
      const limits = await ask("qom-get", { path, property: "limits" }).catch(unlessSilent);
      return {
        id,
        readOnly,
        bytes: nodes.get(id)?.bytes ?? 0,
        limits: limitsIn(limits),
        snapshots: (format?.snapshots ?? []).map(({ name }) => name),
        points: pointsIn(format),
      };
    }),
  );
}

export async function attachDisk(machine: Plugged, disk: Disk): Promise<void> {
  assertDiskId(disk.id);
  const ask = askerOf(machine);
  if (await isPlugged(ask, disk.id)) return;
  await clearDisk(machine, disk.id); // Half of an attempt that was killed.
  await machine.lend(disk.id, disk.source, disk.readOnly);
  try {
    const limits = limitsFor(disk.limits);
    await ask("object-add", { "qom-type": "throttle-group", id: limitsOf(disk.id), limits });
    if (disk.key !== undefined) await addKey(ask, disk.id, disk.key);
    await ask("blockdev-add", nodesOf(disk));
    await plugIn(ask, disk.id);
  } catch (error) {
    await clearDisk(machine, disk.id).catch(() => {});
    throw error instanceof QmpRefusal ? unusable(error) : error;
  }
}

export async function detachDisk(machine: Plugged, id: string, within: Duration): Promise<void> {
  const ask = askerOf(machine);
  if (!(await isPlugged(ask, id))) return clearDisk(machine, id);
  const jobs = await ask("query-jobs");
  if (JSON.stringify(jobs).includes(`"${backupJob(formatNode(id))}"`)) throw diskBusy();
  // It may answer before QEMU has said that it was asked. Refused is: asked before, or just gone.
  const gone = machine.unplugged(id, within);
  await ask("device_del", { id }).catch((error) => {
    if (!(error instanceof QmpRefusal)) throw error;
    if (/not support hotplug/.test(error.message)) throw detachRefused(id); // It was there from the start.
  });
  if (await gone) return;
  if (await isPlugged(ask, id)) throw detachRefused(id);
  await clearDisk(machine, id);
}

/** Lets go of a disk that no device uses. May be repeated. */
export async function clearDisk(machine: Plugged, id: string): Promise<void> {
  const ask = askerOf(machine);
  for (let tries = lastRequests.tries; (await readNodes(ask)).has(id); tries--) {
    try {
      await ask("blockdev-del", { "node-name": id });
    } catch (error) {
      if (tries === 0 || !(error instanceof QmpRefusal)) throw error;
      await sleep(lastRequests.wait);
    }
  }
  await ask("object-del", { id: limitsOf(id) }).catch((error) => {
    if (!(error instanceof QmpRefusal)) throw error; // It has none.
  });
  await removeKey(ask, id);
  await machine.takeBack(id);
}

export async function resizeDisk(machine: Plugged, id: string, bytes: number): Promise<void> {
  const ask = askerOf(machine);
  const disk = await find(machine, id);
  if (disk.bytes >= bytes) return;
  const grow = () => ask("block_resize", { "node-name": id, size: bytes });
  await grow()
    .catch(async (error: unknown) => {
      if (!(error instanceof QmpRefusal) || !/NBD/.test(error.message)) throw error;
      // QEMU learns of a new size when it connects, and connects when it has something to ask.
      await ask("human-monitor-command", { "command-line": `qemu-io ${id} "read 0 512"` });
      await grow();
    })
    .catch((error: unknown) => {
      throw error instanceof QmpRefusal ? diskCannotGrow(error.message, error) : error;
    });
}

export async function limitDisk(machine: Plugged, id: string, limits: DiskLimits): Promise<void> {
  await find(machine, id);
  const path = `/objects/${limitsOf(id)}`;
  await askerOf(machine)("qom-set", { path, property: "limits", value: limitsFor(limits) });
}

export async function snapshotDisks(
  machine: Plugged,
  ids: readonly string[],
  name: string,
): Promise<void> {
  for (const id of ids) await find(machine, id);
  await snapshotNodes(askerOf(machine), ids.map(layered), name);
}

export async function removeSnapshot(machine: Plugged, id: string, name: string): Promise<void> {
  await find(machine, id);
  await removeNodeSnapshot(askerOf(machine), layered(id), name);
}

export async function backupDisk(machine: Plugged, id: string, order: BackupOrder): Promise<void> {
  await find(machine, id);
  const target = backupJob(id);
  await machine.lend(target, fileSource(order.file, "qcow2"), false);
  try {
    await backUpNode(askerOf(machine), formatNode(id), order);
  } finally {
    await machine.takeBack(target);
  }
}

async function find(machine: Plugged, id: string): Promise<AttachedDisk> {
  const disk = (await listDisks(machine)).find((each) => each.id === id);
  if (!disk) throw diskNotAttached(id);
  return disk;
}

/** Into the first slot that is free. Nobody else plugs anything in, but a slot may be on its way out. */
async function plugIn(ask: Ask, id: string): Promise<void> {
  for (let slot = 0; slot < hotSlots; slot++) {
    const refusal = await ask("device_add", deviceOf(id, slotName(slot))).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof QmpRefusal) return error;
        throw error;
      },
    );
    if (!refusal) return;
    if (!/slot|unplug|occupied|in use by/.test(refusal.message)) throw refusal;
  }
  throw noFreeSlot(hotSlots);
}

const layered = (id: string) => ({ top: id, node: formatNode(id) });

const isPlugged = async (ask: Ask, id: string) =>
  (await devicesOf(ask)).some((device) => device.id === id);

/** QEMU calls a disk by its place in the tree of objects: `/machine/peripheral/<id>/virtio-backend`. */
async function devicesOf(ask: Ask) {
  const answer = await ask("query-block");
  return (Array.isArray(answer) ? answer : []).filter(isRecord).flatMap(({ qdev, inserted }) => {
    const id = /^\/machine\/peripheral\/([^/]+)/.exec(String(qdev))?.[1];
    return id && isRecord(inserted) ? [{ id, readOnly: inserted.ro === true }] : [];
  });
}

function limitsIn(answer: unknown): DiskLimits {
  if (!isRecord(answer)) return {};
  const [iops, bytesPerSecond] = [Number(answer["iops-total"]), Number(answer["bps-total"])];
  return { ...(iops > 0 ? { iops } : {}), ...(bytesPerSecond > 0 ? { bytesPerSecond } : {}) };
}

function unlessSilent(error: unknown): undefined {
  if (!(error instanceof QmpRefusal)) throw error;
}

const unusable = (refusal: QmpRefusal) =>
  /Failed to get .* lock/.test(refusal.message)
    ? diskInUse([refusal.message])
    : keyIsWrong.test(refusal.message)
      ? diskLocked([refusal.message])
      : diskUnusable([refusal.message]);
