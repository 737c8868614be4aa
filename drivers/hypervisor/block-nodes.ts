/**
 * What a disk is inside QEMU: its nodes, their names, and the slots into which it can be plugged. Pure.
 *
 * Every disk has a throttle node on top, with limits or without, because a node cannot be slipped in above
 * a disk that a guest uses, and limits are set while it runs. What looks odd: everything that concerns the
 * bytes (snapshots, bitmaps, backups) is told to the node below it, whose name ends in `-format`, and
 * everything that concerns the guest (its size) to the one on top.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import { encryptedBy, keyObject } from "./block-keys.ts";
import type { Disk, DiskLimits } from "./driver.ts";

/** As many disks can be attached while it runs, beside those that it was launched with. */
export const hotSlots = 8;

/** QEMU's names of nodes have 31 characters at most, and `-format` is ours. */
const diskName = /^[a-z][a-z0-9-]{0,23}$/;

/** One slot of the machine for all ports: as functions of one device they cost the firmware one probe. */
const portsSlot = "0x1e";

export const formatNode = (disk: string) => `${disk}-format`;
export const limitsOf = (disk: string) => `limits-${disk}`;
export const slotName = (index: number) => `hot${index}`;
/** Of the path of a bus in QEMU's tree of objects; undefined if it is none of ours. */
export const slotOf = (bus: string): number | undefined => {
  const number = /\/hot(\d)\/[^/]*$/.exec(bus)?.[1];
  return number === undefined ? undefined : Number(number);
};

/** Throws `bad_disk_id`. */
export function assertDiskId(id: string): void {
  if (!diskName.test(id)) throw badDiskId(id);
}

/** The disk as `blockdev-add` takes it. */
export const nodesOf = ({ id, source, readOnly, key }: Disk) => ({
  driver: "throttle",
  "node-name": id,
  "throttle-group": limitsOf(id),
  "read-only": readOnly,
  discard: "unmap",
  file: {
    ...source.blockdev,
    ...encryptedBy(id, key),
    "node-name": formatNode(id),
    "read-only": readOnly,
    discard: "unmap",
  },
});

/**
 * The device as `device_add` takes it. An error of the host's storage freezes the guest instead of becoming
 * the guest's error. Without an address the second device of a port would be put where no guest looks.
 */
export const deviceOf = (id: string, bus: string) => ({
  driver: "virtio-blk-pci",
  id,
  drive: id,
  bus,
  addr: "0",
  werror: "stop",
  rerror: "stop",
});

/** As QEMU's throttle group takes them. All of them, because it keeps what it is not told; zero is none. */
export const limitsFor = ({ iops = 0, bytesPerSecond = 0 }: DiskLimits = {}) => ({
  "iops-total": iops,
  "bps-total": bytesPerSecond,
});

/** The command line of one disk that is there from the start. */
export function diskArgv(disk: Disk, { order, slot, rom, keyFd }: Place = {}): readonly string[] {
  const { id, limits } = disk;
  assertDiskId(id);
  const group = { "qom-type": "throttle-group", id: limitsOf(id), limits: limitsFor(limits) };
  const boots = order === undefined ? "" : `,bootindex=${order}`;
  const words = rom === undefined ? "" : `,romfile=${rom.replaceAll(",", ",,")}`;
  const device = `virtio-blk-pci,drive=${id},id=${id},werror=stop,rerror=stop`;
  const key = keyObject(id, { file: `/dev/fd/${keyFd}` });
  return [
    ...(keyFd === undefined ? [] : ["-object", JSON.stringify(key)]),
    ...["-object", JSON.stringify(group)],
    ...["-blockdev", JSON.stringify(nodesOf(disk))],
    ...["-device", `${device}${boots}${slotWords(slot)}${words}`],
  ];
}

/** Where a disk is that is there from the start. */
export interface Place {
  /** In which to boot from it, if at all. */
  readonly order?: number | undefined;
  /** Where it was plugged in on the host that it comes from; on the machine's own bus if not given. */
  readonly slot?: number | undefined;
  /** File of its ROM. */
  readonly rom?: string | undefined;
  /** The file that its key is in, as the process has it open. */
  readonly keyFd?: number | undefined;
}

export const slotWords = (slot: number | undefined) =>
  slot === undefined ? "" : `,bus=${slotName(slot)},addr=0`;

/** q35's own bus takes nothing while it runs; behind a root port of its own a device can come and go. */
export const slotArgv: readonly string[] = Array.from({ length: hotSlots }, (_, index) => [
  "-device",
  `pcie-root-port,id=${slotName(index)},chassis=${index + 1},bus=pcie.0,addr=${portsSlot}.${index}${index === 0 ? ",multifunction=on" : ""},io-reserve=0`,
]).flat();

const badDiskId = (id: string): Problem =>
  problem("invalid", "bad_disk_id", `A disk cannot be called ${JSON.stringify(id)}.`, {
    fix: "Use up to 24 lower-case letters, digits and hyphens, the first a letter.",
  });
