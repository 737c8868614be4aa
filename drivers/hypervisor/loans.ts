/**
 * Files of disks that are lent to a guest's user, and the doors through which it gets to them.
 *
 * The user of a guest may become another guest's, so whatever was lent is taken back when a guest ends, or its disk is
 * detached. The record of the launch says what is lent: it is written before the files change hands.
 */
import { chown, stat } from "node:fs/promises";
import type { BlockSource } from "@holdfast/kernel/block";
import type { LaunchRecord, LentDisk } from "./incarnation.ts";

/** What a guest is lent for a disk. It opens for reading what is everybody's to read. */
export const loanOf = (
  id: string,
  { files, doors }: Pick<BlockSource, "files" | "doors">,
  readOnly: boolean,
): LentDisk => ({ id, files: readOnly ? [] : files, doors });

export const withLoan = (
  record: LaunchRecord,
  loan: LentDisk,
  { isShared }: Pick<BlockSource, "isShared">,
): LaunchRecord => ({
  ...record,
  lent: [...new Set([...record.lent, ...loan.files])],
  disks: [...others(record, loan), loan],
  isFenceable: (record.isFenceable ?? false) || isShared,
});

export const withoutLoan = (record: LaunchRecord, loan: LentDisk): LaunchRecord => ({
  ...record,
  lent: record.lent.filter((file) => !loan.files.includes(file)),
  disks: others(record, loan),
});

/** Files become somebody's own; a door lets their group pass. A missing file is QEMU's to complain about, in its own words. */
export async function handOver(
  { files, doors }: Pick<LentDisk, "files" | "doors">,
  uid: number,
): Promise<void> {
  await Promise.all([
    ...files.map((file) => chown(file, uid, uid).catch(() => {})),
    ...doors.map((door) => chown(door, 0, uid).catch(() => {})),
  ]);
}

/** Hands over all that a launch lends. */
export const lendAll = (record: LaunchRecord): Promise<void> =>
  handOver({ files: record.lent, doors: doorsOf(record) }, record.uid);

/** What has another user by now belongs to the machine that this one was sent to, or came from. */
export async function takeBackAll(record: LaunchRecord): Promise<void> {
  const owners = await Promise.all(
    record.lent.map((file) =>
      stat(file)
        .then(({ uid }) => uid)
        .catch(() => undefined),
    ),
  );
  const files = record.lent.filter((_, index) => owners[index] === record.uid);
  await handOver({ files, doors: doorsOf(record) }, 0);
}

const others = ({ disks = [] }: LaunchRecord, { id }: LentDisk) =>
  disks.filter((disk) => disk.id !== id);

const doorsOf = ({ disks = [] }: LaunchRecord) => disks.flatMap(({ doors }) => doors);
