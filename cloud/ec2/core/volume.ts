/** A volume as EC2 shows it: ours is made when an instance first needs it, and is good for attaching before that. */
import type { VolumeState } from "@holdfast/cloud/volumes";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Known, Tag } from "./filters.ts";
import { idOf } from "./ids.ts";
import { deviceOf, rootDevice } from "./instance.ts";
import type { Volume, VolumeAttachment } from "./words.ts";

export interface VolumeRow {
  readonly id: string;
  readonly kind: "root" | "data" | "ephemeral";
  readonly state: VolumeState;
  readonly pool: string;
  readonly bytes: number;
  readonly iops: number | null;
  readonly bytesPerSecond: number | null;
  readonly createdAt: Instant;
  readonly encrypted: boolean;
  readonly zone: string | null;
  readonly snapshots: number;
  /** What it was made of. */
  readonly fromSnapshot: string | null;
  /** Whose disk it is. */
  readonly instance: string | null;
  /** That is over, and the volume is not to go with it: it is free, as soon as somebody wants it. */
  readonly isLeftOver: boolean;
  readonly slot: number | null;
  readonly attachedAt: Instant | null;
  readonly isLeaving: boolean;
  readonly attachment: string | null;
  readonly isGone: boolean;
  readonly isImpaired: boolean;
  readonly isChanging: boolean;
  readonly tags: readonly Tag[];
  readonly note: {
    readonly device?: string;
    readonly type?: string;
    readonly zone?: string;
    readonly token?: string;
    readonly modified?: {
      readonly at: number;
      readonly from: {
        readonly size: number;
        readonly iops: number | null;
        readonly bytesPerSecond: number | null;
      };
    };
  } | null;
}

/** EC2's own types: words that are kept. Whatever else a volume is said to be is the name of a pool. */
export const volumeTypes: ReadonlySet<string> = new Set([
  ...["standard", "gp2", "gp3", "io1", "io2", "st1", "sc1"],
]);

const gib = 2 ** 30;
const mib = 2 ** 20;

export const sizeOf = (bytes: number) => Math.ceil(bytes / gib);
/** What EC2 calls throughput, in MiB/s. */
export const throughputOf = (bytes: number | null) =>
  bytes === null ? undefined : Math.round(bytes / mib);

export function stateOf(row: VolumeRow): string {
  if (row.state === "expunging" || row.state === "destroyed") return "deleting";
  if (row.instance !== null && !row.isLeftOver) return "in-use";
  if (row.state === "failed") return "error";
  // One in a host's own disk is made there when it is attached.
  if (row.state === "creating" || (row.state === "allocated" && row.pool !== "local"))
    return "creating";
  return "available";
}

export function attachmentOf(row: VolumeRow): VolumeAttachment | undefined {
  if (row.instance === null || row.isLeftOver) return undefined;
  return {
    AttachTime: row.attachedAt ?? row.createdAt,
    Device: row.slot === 0 ? rootDevice : (row.note?.device ?? deviceOf(row.slot ?? 1)),
    InstanceId: idOf("instance", row.instance),
    State: row.isLeaving ? "detaching" : isWaiting(row) ? "attaching" : "attached",
    VolumeId: idOf("volume", row.id),
    DeleteOnTermination: row.isGone,
  };
}

/** Its guest runs, and has not got it so far. */
const isWaiting = ({ attachment }: VolumeRow) =>
  attachment === "waiting" || attachment === "attach-failed";

export function volumeView(row: VolumeRow, zone: string): Volume {
  const attachment = attachmentOf(row);
  const throughput = throughputOf(row.bytesPerSecond);
  return {
    Attachments: attachment ? [attachment] : [],
    AvailabilityZone: row.zone ?? row.note?.zone ?? zone,
    CreateTime: row.createdAt,
    Encrypted: row.encrypted,
    Size: sizeOf(row.bytes),
    SnapshotId: row.fromSnapshot === null ? "" : idOf("snapshot", row.fromSnapshot),
    State: stateOf(row),
    VolumeId: idOf("volume", row.id),
    ...(row.iops === null ? {} : { Iops: row.iops }),
    Tags: row.tags,
    VolumeType: row.note?.type ?? "gp2",
    MultiAttachEnabled: false,
    ...(throughput === undefined ? {} : { Throughput: throughput }),
  };
}

export const volumeFilters: Known<Volume> = {
  "attachment.attach-time": of(({ AttachTime }) =>
    AttachTime === undefined ? undefined : iso(AttachTime),
  ),
  "attachment.delete-on-termination": of(({ DeleteOnTermination }) => String(DeleteOnTermination)),
  "attachment.device": of(({ Device }) => Device),
  "attachment.instance-id": of(({ InstanceId }) => InstanceId),
  "attachment.status": of(({ State }) => State),
  "availability-zone": ({ AvailabilityZone }) => AvailabilityZone,
  "create-time": ({ CreateTime }) => (CreateTime === undefined ? undefined : iso(CreateTime)),
  encrypted: ({ Encrypted }) => Encrypted,
  "multi-attach-enabled": ({ MultiAttachEnabled }) => MultiAttachEnabled,
  size: ({ Size }) => Size,
  "snapshot-id": ({ SnapshotId }) => SnapshotId,
  status: ({ State }) => State,
  "volume-id": ({ VolumeId }) => VolumeId,
  "volume-type": ({ VolumeType }) => VolumeType,
};

function of(what: (attachment: VolumeAttachment) => string | undefined) {
  return ({ Attachments = [] }: Volume) => Attachments.map(what);
}
