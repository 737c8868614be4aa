/** Volumes. What EC2 asks for beyond ours (a device's name, a zone, a type) is noted and said again. */
import { createHash } from "node:crypto";
import {
  attachVolume,
  createVolume,
  createVolumeFromSnapshot,
  deleteVolume,
  detachVolume,
  limitVolume,
  resizeVolume,
} from "@holdfast/cloud/volumes/api";
import { Problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { badValue, missing, noKms, refuse, shortened, unsupported } from "../core/errors.ts";
import { filtering, type Tag, wantedTag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { deviceOf, stateOf as instanceState, rootDevice } from "../core/instance.ts";
import {
  attachmentOf,
  sizeOf,
  stateOf,
  throughputOf,
  type VolumeRow,
  volumeFilters,
  volumeTypes,
  volumeView,
} from "../core/volume.ts";
import type {
  Volume,
  VolumeAttachment,
  VolumeModification,
  VolumeStatusItem,
} from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { digits, findInstanceRow } from "./instance-rows.ts";
import { writeFirstNotes, writeNotes } from "./notes.ts";
import { chosen } from "./pages.ts";
import { checkZone, placeOf } from "./places.ts";
import { findSnapshot } from "./snapshots.ts";
import { tagsFor, wordsOf, writeTags } from "./tags.ts";
import { findVolumeRow, findVolumes, readVolumes } from "./volume-rows.ts";

const mib = 2 ** 20;

const bytesOf = (throughput: number | undefined) =>
  throughput === undefined ? null : throughput * mib;

export const volumeAnswers: Answers = {
  async CreateVolume(call) {
    const { input, database, project } = call;
    const { AvailabilityZone, Size, VolumeType = "gp2", Iops, Throughput, ClientToken } = input;
    if (AvailabilityZone === undefined) throw missing("availabilityZone");
    if (Size === undefined && input.SnapshotId === undefined) throw missing("size/snapshot");
    if (input.KmsKeyId !== undefined) throw noKms();
    if (input.MultiAttachEnabled) throw unsupported("A volume is a disk of one instance.");
    if (input.OutpostArn !== undefined) throw unsupported("There are no Outposts.");
    const tags = tagsFor("volume", input.TagSpecifications);
    const zone = await checkZone(database, AvailabilityZone);
    const from =
      input.SnapshotId === undefined ? undefined : await findSnapshot(call, input.SnapshotId);
    if (from && !volumeTypes.has(VolumeType))
      throw unsupported("A volume that is made of a snapshot is in the pool of the snapshot's.");
    const name = `ec2-${createHash("sha256")
      .update(ClientToken === undefined ? call.mintSecret() : `volume ${project} ${ClientToken}`)
      .digest("hex")
      .slice(0, 16)}`;
    const id = await unlessMade(call, name, async () => {
      const limits = { iops: Iops ?? null, bytesPerSecond: bytesOf(Throughput) };
      const encrypted = input.Encrypted ?? false;
      const wanted = { name, limits, tags: wordsOf(tags), encrypted };
      const pool = volumeTypes.has(VolumeType) ? {} : { pool: VolumeType };
      const made = from
        ? await call.native(createVolumeFromSnapshot, {
            params: { snapshot: from.id },
            body: { ...wanted, ...(Size === undefined ? {} : { sizeGiB: Size }) },
          })
        : await call.native(createVolume, { body: { ...wanted, ...pool, sizeGiB: Size ?? 0 } });
      return made.id;
    });
    await database.transaction(async (sql) => {
      const note = { zone, type: VolumeType };
      // One that was made before may be called otherwise since.
      if (await writeFirstNotes(sql, project, "zone", [{ subject: id, note }]))
        await writeTags(sql, project, "volume", [id], tags);
    });
    return volumeView(await findVolumeRow(database, project, idOf("volume", id)), zone);
  },

  async DescribeVolumes(call) {
    const { input } = call;
    const passes = filtering<Volume>(
      input.Filters,
      volumeFilters,
      ({ Tags = [] }) => Tags as readonly Tag[],
    ); // Keys and values are there.
    const { zone } = await placeOf(call);
    const pick = (row: VolumeRow) => {
      const view = volumeView(row, zone);
      return passes(view) ? view : undefined;
    };
    const { page, next } = await chosenVolumes(call, pick);
    return { Volumes: page, ...next };
  },

  async AttachVolume(call) {
    const { Device = "", InstanceId = "", VolumeId = "" } = call.input;
    const { database, project } = call;
    const volume = await findVolumeRow(database, project, VolumeId);
    const instance = await findInstanceRow(database, project, InstanceId);
    if (instanceState(instance).Name === "terminated")
      throw refuse("IncorrectState", `Instance '${InstanceId}' is not 'running'.`);
    if (!/^[A-Za-z0-9/_.-]{1,64}$/.test(Device))
      throw badValue("device", Device, "It is no name of a device.");
    if (stateOf(volume) === "in-use")
      throw refuse("VolumeInUse", `${VolumeId} is already attached to an instance`);
    const isTaken = instance.disks.some(
      ({ slot, device }) => (slot === 0 ? rootDevice : (device ?? deviceOf(slot))) === Device,
    );
    if (isTaken)
      throw refuse(
        "InvalidParameterValue",
        `Invalid value '${Device}' for unixDevice. Attachment point ${Device} is already in use`,
      );
    if (volume.isLeftOver)
      await call.native(detachVolume, { params: { volume: volume.id }, body: {} });
    await call.native(attachVolume, {
      params: { volume: volume.id },
      body: { instance: instance.id, deleteWithInstance: false },
    });
    await writeNotes(database, project, [{ subject: volume.id, note: { device: Device } }]);
    return attachmentIn(await findVolumeRow(database, project, VolumeId), {
      ...{ VolumeId, InstanceId, Device, State: "attaching", AttachTime: call.clock.now() },
    });
  },

  async DetachVolume(call) {
    const { Device, InstanceId, VolumeId = "", Force } = call.input;
    if (Force)
      throw unsupported(
        "A guest that does not let go of a disk is not forced to: stop the instance.",
      );
    const row = await findVolumeRow(call.database, call.project, VolumeId);
    const attachment = attachmentOf(row);
    if (!attachment)
      throw refuse("IncorrectState", `Volume '${VolumeId}' is in the 'available' state.`);
    if (InstanceId !== undefined) readId("instance", InstanceId);
    const isOther =
      (InstanceId !== undefined && InstanceId !== attachment.InstanceId) ||
      (Device !== undefined && Device !== attachment.Device);
    if (isOther)
      throw refuse(
        "InvalidAttachment.NotFound",
        `Volume '${VolumeId}' is not attached so: it is ${attachment.Device} of ${attachment.InstanceId}`,
      );
    await call.native(detachVolume, { params: { volume: row.id }, body: {} });
    return { ...attachment, State: "detaching" };
  },

  async DeleteVolume(call) {
    const { VolumeId = "" } = call.input;
    const row = await findVolumeRow(call.database, call.project, VolumeId);
    const attachment = attachmentOf(row);
    if (attachment)
      throw refuse(
        "VolumeInUse",
        `Volume ${VolumeId} is currently attached to ${attachment.InstanceId}`,
      );
    if (row.snapshots > 0)
      throw refuse(
        "IncorrectState",
        `${VolumeId} has ${row.snapshots} snapshots, which lie in it. Delete them first.`,
      );
    if (row.isLeftOver) await call.native(detachVolume, { params: { volume: row.id }, body: {} });
    if (stateOf(row) !== "deleting")
      await call.native(deleteVolume, { params: { volume: row.id } });
    return {};
  },

  async ModifyVolume(call) {
    const { input, database, project } = call;
    const { VolumeId = "", Size, VolumeType, Iops, Throughput } = input;
    if (input.MultiAttachEnabled) throw unsupported("A volume is a disk of one instance.");
    const row = await findVolumeRow(database, project, VolumeId);
    if (VolumeType !== undefined && !volumeTypes.has(VolumeType))
      throw unsupported("A volume cannot be moved to another pool.");
    const { bytes, iops, bytesPerSecond } = row;
    if (Size !== undefined && Size !== sizeOf(bytes))
      await call.native(resizeVolume, { params: { volume: row.id }, body: { sizeGiB: Size } });
    if (Iops !== undefined || Throughput !== undefined)
      await call.native(limitVolume, {
        params: { volume: row.id },
        body: {
          iops: Iops ?? iops,
          bytesPerSecond: Throughput === undefined ? bytesPerSecond : bytesOf(Throughput),
        },
      });
    const modified = { at: call.clock.now(), from: { size: sizeOf(bytes), iops, bytesPerSecond } };
    const note = { modified, ...(VolumeType === undefined ? {} : { type: VolumeType }) };
    await writeNotes(database, project, [{ subject: row.id, note }]);
    const modification = modificationOf(await findVolumeRow(database, project, VolumeId));
    return modification ? { VolumeModification: modification } : {};
  },

  async DescribeVolumesModifications(call) {
    const { input } = call;
    const passes = filtering<VolumeModification>(input.Filters, {
      "modification-state": ({ ModificationState }) => ModificationState,
      "original-iops": ({ OriginalIops }) => OriginalIops,
      "original-size": ({ OriginalSize }) => OriginalSize,
      "original-volume-type": ({ OriginalVolumeType }) => OriginalVolumeType,
      "target-iops": ({ TargetIops }) => TargetIops,
      "target-size": ({ TargetSize }) => TargetSize,
      "target-volume-type": ({ TargetVolumeType }) => TargetVolumeType,
      "volume-id": ({ VolumeId }) => VolumeId,
    });
    const pick = (row: VolumeRow) => {
      const view = modificationOf(row);
      return view && passes(view) ? view : undefined;
    };
    const { page, next } = await chosenVolumes(call, pick, (rows) => {
      const never = rows.find(({ note }) => !note?.modified);
      if (never)
        throw refuse(
          "InvalidVolumeModification.NotFound",
          `Modification for volume '${idOf("volume", never.id)}' does not exist.`,
        );
    });
    return { VolumesModifications: page, ...next };
  },

  async DescribeVolumeStatus(call) {
    const { input } = call;
    const { zone } = await placeOf(call);
    const passes = filtering<VolumeStatusItem>(input.Filters, {
      "availability-zone": ({ AvailabilityZone }) => AvailabilityZone,
      "action.code": () => undefined,
      "event.event-type": () => undefined,
      "volume-status.status": ({ VolumeStatus }) => VolumeStatus?.Status,
      "volume-status.details-name": ({ VolumeStatus }) =>
        VolumeStatus?.Details?.map(({ Name }) => Name),
      "volume-status.details-status": ({ VolumeStatus }) =>
        VolumeStatus?.Details?.map(({ Status }) => Status),
    });
    const pick = (row: VolumeRow) => {
      const item = statusOf(row, zone);
      return passes(item) ? item : undefined;
    };
    const { page, next } = await chosenVolumes(call, pick);
    return { VolumeStatuses: page, ...next };
  },

  async DescribeVolumeAttribute({ input, database, project }) {
    const { Attribute = "", VolumeId = "" } = input;
    await findVolumeRow(database, project, VolumeId);
    if (Attribute === "autoEnableIO") return { VolumeId, AutoEnableIO: { Value: true } };
    if (Attribute === "productCodes") return { VolumeId, ProductCodes: [] };
    throw badValue("attribute", Attribute, "There is no such attribute.");
  },
};

type Listed = "DescribeVolumes" | "DescribeVolumesModifications" | "DescribeVolumeStatus";

/** `check`: of those that were named, before they are shown. */
const chosenVolumes = <T>(
  { input, database, project }: Pick<Call<Listed>, "input" | "database" | "project">,
  pick: (row: VolumeRow) => T | undefined,
  check: (rows: readonly VolumeRow[]) => void = () => {},
) =>
  chosen(input, "volume", input.VolumeIds, {
    async find(ids) {
      const rows = await findVolumes(database, project, ids);
      check(rows);
      return rows;
    },
    read: (from, count) => readVolumes(database, project, from, count, wantedTag(input.Filters)),
    pick,
  });

/** The name is made from the token, so the second of two that are alike finds the first. */
async function unlessMade(
  call: Call<"CreateVolume">,
  name: string,
  make: () => Promise<string>,
): Promise<string> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== "name_taken") throw error;
    const { database, project, input } = call;
    const [row] = await database.query<{ digits: string }>(
      `select ${digits("id")} as digits from volume where project_id = $1 and name = $2 and state <> 'expunged'`,
      [project, name],
    );
    if (!row) throw error;
    const made = await findVolumeRow(database, project, idOf("volume", row.digits));
    const { note, fromSnapshot } = made;
    const size = note?.modified?.from.size ?? sizeOf(made.bytes); // As big as it was made.
    const isSame =
      (input.Size ?? size) === size &&
      (made.encrypted || !input.Encrypted) &&
      (fromSnapshot === null ? undefined : idOf("snapshot", fromSnapshot)) === input.SnapshotId &&
      (note?.zone ?? input.AvailabilityZone) === input.AvailabilityZone &&
      (note?.type ?? input.VolumeType ?? "gp2") === (input.VolumeType ?? "gp2");
    if (isSame) return made.id;
    throw refuse(
      "IdempotentParameterMismatch",
      `The client token ${shortened(input.ClientToken ?? "")} was used for a different request.`,
    );
  }
}

const attachmentIn = (row: VolumeRow, told: VolumeAttachment): VolumeAttachment => ({
  ...told,
  ...attachmentOf(row),
});

function modificationOf(row: VolumeRow): VolumeModification | undefined {
  const { note, bytes, iops, bytesPerSecond, isChanging } = row;
  if (!note?.modified) return undefined;
  const { at, from } = note.modified;
  const rates = (of: { iops: number | null; bytesPerSecond: number | null }) => ({
    iops: of.iops ?? undefined,
    throughput: throughputOf(of.bytesPerSecond),
  });
  const [before, now] = [rates(from), rates({ iops, bytesPerSecond })];
  return {
    VolumeId: idOf("volume", row.id),
    ModificationState: isChanging ? "modifying" : "completed",
    TargetSize: sizeOf(bytes),
    TargetIops: now.iops,
    TargetVolumeType: note.type ?? "gp2",
    TargetThroughput: now.throughput,
    OriginalSize: from.size,
    OriginalIops: before.iops,
    OriginalVolumeType: note.type ?? "gp2",
    OriginalThroughput: before.throughput,
    Progress: isChanging ? 0 : 100,
    StartTime: at as Instant, // Written from a clock.
    ...(isChanging ? {} : { EndTime: at as Instant }),
  };
}

function statusOf(row: VolumeRow, zone: string): VolumeStatusItem {
  const is = row.isImpaired || row.state === "failed" ? "impaired" : "ok";
  return {
    Actions: [],
    AvailabilityZone: row.zone ?? row.note?.zone ?? zone,
    Events: [],
    VolumeId: idOf("volume", row.id),
    VolumeStatus: {
      Details: [
        { Name: "io-enabled", Status: is === "ok" ? "passed" : "failed" },
        { Name: "io-performance", Status: "not-applicable" },
      ],
      Status: is,
    },
    AttachmentStatuses: [],
  };
}
