/** Snapshots: those of the account, and those that others share with it, of which only a volume or a copy can be made. */
import {
  copySnapshot,
  createSnapshot,
  deleteSnapshot,
  type SnapshotView,
  shareSnapshot,
} from "@holdfast/cloud/volumes/api";
import { mayUseSnapshot } from "@holdfast/cloud/volumes/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { badValue, missing, noKms, notFound, refuse, unsupported } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { sizeOf } from "../core/volume.ts";
import type { Snapshot } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { digits, findInstanceRow } from "./instance-rows.ts";
import { type Note, noteOf, writeNotes } from "./notes.ts";
import { chosen } from "./pages.ts";
import { nativeShares, sharesOf, wantedShares } from "./shares.ts";
import { tagsFor, tagsOf, wordsOf, writeTags } from "./tags.ts";
import { findVolumeRow, findVolumes } from "./volume-rows.ts";

export interface SnapshotRow {
  readonly id: string;
  readonly project: ProjectId;
  readonly volume: string;
  readonly state: "making" | "ready" | "failed" | "deleting";
  readonly bytes: number;
  readonly encrypted: boolean;
  readonly createdAt: Instant;
  readonly problem: { readonly message: string } | null;
  readonly tags: readonly Tag[];
  readonly note: Note | null;
}

const select = `select n.id, n.project_id as project, n.volume_id as volume, n.state, n.bytes, l.key_id is not null as encrypted, n.created_at as "createdAt", n.problem,
    ${tagsOf("n.id")} as tags, ${noteOf("n.id")} as note from snapshot n join volume l on l.id = n.lies_in where ${mayUseSnapshot("$1")} and n.state <> 'deleting'`;
const least = "00000000-0000-0000-0000-000000000000";
const states = {
  making: "pending",
  ready: "completed",
  failed: "error",
  deleting: "error",
} as const;

/** What EC2 shows in the place of a volume that is not there for whoever asks. */
const noVolume = "vol-ffffffff";

/** What its owner says of a snapshot, and what it is of, is for its owner. */
function viewOf(row: SnapshotRow, project: ProjectId): Snapshot {
  const isOwn = row.project === project;
  return {
    Description: (isOwn && row.note?.description) || "",
    Encrypted: row.encrypted,
    OwnerId: accountOf(row.project),
    Progress: row.state === "ready" ? "100%" : "0%",
    SnapshotId: idOf("snapshot", row.id),
    StartTime: row.createdAt,
    State: states[row.state],
    ...(row.problem ? { StateMessage: row.problem.message } : {}),
    VolumeId: isOwn ? idOf("volume", row.volume) : noVolume,
    VolumeSize: sizeOf(row.bytes),
    Tags: isOwn ? row.tags : [],
    StorageTier: "standard",
  };
}

async function findSnapshots(
  sql: Sql,
  project: ProjectId,
  ids: readonly string[],
): Promise<readonly SnapshotRow[]> {
  const rows = await sql.query<SnapshotRow>(
    `${select} and ${digits("n.id")} = any($2) order by n.id`,
    [project, ids.map((id) => readId("snapshot", id))],
  );
  const found = new Set(rows.map(({ id }) => idOf("snapshot", id)));
  const lacking = [...new Set(ids)].filter((id) => !found.has(id));
  if (lacking.length > 0) throw notFound("InvalidSnapshot.NotFound", "snapshot", lacking);
  return rows;
}

export async function findSnapshot(call: Call, id: string): Promise<SnapshotRow> {
  const [row] = await findSnapshots(call.database, call.project, [id]);
  if (!row) throw notFound("InvalidSnapshot.NotFound", "snapshot", [id]);
  return row;
}

const notYours = (id: string) =>
  refuse("OperationNotPermitted", `The snapshot ${id} is another account's`);

interface Words {
  readonly description: string | undefined;
  readonly tags: readonly Tag[];
}

/** Under a name of ours, with what is said of it besides. */
async function made(
  call: Call,
  { description, tags }: Words,
  make: (wanted: { name: string; tags: Record<string, string> }) => Promise<SnapshotView>,
): Promise<SnapshotRow> {
  const { database, project } = call;
  const name = `ec2-${Buffer.from(call.mintSecret()).toString("hex").slice(0, 24)}`;
  const made = await make({ name, tags: wordsOf(tags) });
  await database.transaction(async (sql) => {
    if (description !== undefined)
      await writeNotes(sql, project, [{ subject: made.id, note: { description } }]);
    await writeTags(sql, project, "snapshot", [made.id], tags);
  });
  return findSnapshot(call, idOf("snapshot", made.id));
}

export const snapshotAnswers: Answers = {
  async CreateSnapshot(call) {
    const { VolumeId = "", Description, TagSpecifications, OutpostArn } = call.input;
    if (OutpostArn !== undefined) throw unsupported("There are no Outposts.");
    const tags = tagsFor("snapshot", TagSpecifications);
    const volume = await findVolumeRow(call.database, call.project, VolumeId);
    const row = await made(call, { description: Description, tags }, (wanted) =>
      call.native(createSnapshot, { body: { ...wanted, volume: volume.id } }),
    );
    return viewOf(row, call.project);
  },

  async CopySnapshot(call) {
    const { SourceSnapshotId = "", SourceRegion = "", DestinationRegion, Description } = call.input;
    const { TagSpecifications, Encrypted, KmsKeyId, DestinationOutpostArn } = call.input;
    for (const region of [SourceRegion, DestinationRegion ?? call.region])
      if (region !== call.region)
        throw badValue("region", region, `There is one region: ${call.region}.`);
    if (KmsKeyId !== undefined) throw noKms();
    if (DestinationOutpostArn !== undefined) throw unsupported("There are no Outposts.");
    const tags = tagsFor("snapshot", TagSpecifications);
    const { id } = await findSnapshot(call, SourceSnapshotId);
    const description = Description ?? `[Copied ${SourceSnapshotId} from ${SourceRegion}]`;
    const row = await made(call, { description, tags }, (wanted) =>
      call.native(copySnapshot, {
        params: { snapshot: id },
        body: { ...wanted, encrypted: Encrypted ?? false },
      }),
    );
    return { SnapshotId: idOf("snapshot", row.id), Tags: tags };
  },

  async CreateSnapshots(call) {
    const {
      InstanceSpecification: asked,
      Description,
      TagSpecifications,
      CopyTagsFromSource,
      OutpostArn,
    } = call.input;
    if (OutpostArn !== undefined) throw unsupported("There are no Outposts.");
    if (asked?.InstanceId === undefined) throw missing("InstanceSpecification.InstanceId");
    if (CopyTagsFromSource !== undefined && CopyTagsFromSource !== "volume")
      throw badValue("CopyTagsFromSource", CopyTagsFromSource, "It must be volume.");
    const tags = tagsFor("snapshot", TagSpecifications);
    const { database, project } = call;
    const instance = await findInstanceRow(database, project, asked.InstanceId);
    const left = new Set((asked.ExcludeDataVolumeIds ?? []).map((id) => readId("volume", id)));
    const disks = instance.disks.filter(
      ({ id, slot }) =>
        !(slot === 0 && asked.ExcludeBootVolume) &&
        ![...left].some((one) => idOf("volume", id) === idOf("volume", one)),
    );
    const ids = disks.map(({ id }) => idOf("volume", id));
    const volumes = CopyTagsFromSource ? await findVolumes(database, project, ids) : [];
    const rows: SnapshotRow[] = [];
    for (const { id } of disks) {
      const own = volumes.find((volume) => volume.id === id)?.tags ?? [];
      const both = [...own.filter(({ Key }) => !tags.some((tag) => tag.Key === Key)), ...tags];
      const words = { description: Description, tags: both };
      rows.push(
        await made(call, words, (wanted) =>
          call.native(createSnapshot, { body: { ...wanted, volume: id } }),
        ),
      );
    }
    return { Snapshots: rows.map((row) => viewOf(row, project)) };
  },

  async DescribeSnapshots(call) {
    const { input, database, project } = call;
    const account = accountOf(project);
    const passes = filtering<Snapshot>(
      input.Filters,
      {
        description: ({ Description }) => Description,
        encrypted: ({ Encrypted }) => Encrypted,
        "owner-alias": () => undefined,
        "owner-id": ({ OwnerId }) => OwnerId,
        progress: ({ Progress }) => Progress,
        "snapshot-id": ({ SnapshotId }) => SnapshotId,
        "start-time": ({ StartTime }) => (StartTime === undefined ? undefined : iso(StartTime)),
        status: ({ State }) => State,
        "storage-tier": ({ StorageTier }) => StorageTier,
        "volume-id": ({ VolumeId }) => VolumeId,
        "volume-size": ({ VolumeSize }) => VolumeSize,
      },
      ({ Tags = [] }) => Tags as readonly Tag[], // Keys and values are there.
    );
    const isOneOf = (whose: readonly string[] | undefined, id = "") =>
      !whose || whose.some((one) => one === id || (one === "self" && id === account));
    const isWanted = isOneOf(input.RestorableByUserIds, account); // Whatever is seen here may be used here.
    const pick = (row: SnapshotRow) => {
      const view = viewOf(row, project);
      const isShown = isWanted && isOneOf(input.OwnerIds, view.OwnerId) && passes(view);
      return isShown ? view : undefined;
    };
    const { page, next } = await chosen(input, "snapshot", input.SnapshotIds, {
      find: (ids) => findSnapshots(database, project, ids),
      read: (from, count) =>
        database.query<SnapshotRow>(`${select} and n.id > $2 order by n.id limit ${count}`, [
          project,
          from ?? least,
        ]),
      pick,
    });
    return { Snapshots: page, ...next };
  },

  async DeleteSnapshot(call) {
    const { id } = await findSnapshot(call, call.input.SnapshotId ?? "");
    await call.native(deleteSnapshot, { params: { snapshot: id } });
    return {};
  },

  async DescribeSnapshotAttribute(call) {
    const { Attribute = "", SnapshotId = "" } = call.input;
    const { id, project } = await findSnapshot(call, SnapshotId);
    if (Attribute === "createVolumePermission") {
      const isOwn = project === call.project;
      const CreateVolumePermissions = isOwn ? await sharesOf(call, "snapshot", id) : [];
      return { SnapshotId, CreateVolumePermissions };
    }
    if (Attribute === "productCodes") return { SnapshotId, ProductCodes: [] };
    throw refuse("InvalidParameterValue", "There is no such attribute of a snapshot.");
  },

  async ModifySnapshotAttribute(call) {
    const { Attribute, OperationType, UserIds, SnapshotId = "" } = call.input;
    const { CreateVolumePermission: change, GroupNames: groups } = call.input;
    const { id, project } = await findSnapshot(call, SnapshotId);
    if (project !== call.project) throw notYours(SnapshotId);
    const asked = { attribute: "createVolumePermission", change, groups } as const;
    const shares = wantedShares({ ...asked, Attribute, OperationType, UserIds });
    if (shares === undefined)
      throw unsupported("Of a snapshot it can be changed who may make volumes of it.");
    const body = await nativeShares(call, shares, asked);
    await call.native(shareSnapshot, { params: { snapshot: id }, body });
    return {};
  },

  async ResetSnapshotAttribute(call) {
    const { Attribute = "", SnapshotId = "" } = call.input;
    const { id, project } = await findSnapshot(call, SnapshotId);
    if (project !== call.project) throw notYours(SnapshotId);
    if (Attribute !== "createVolumePermission")
      throw badValue("attribute", Attribute, "It must be createVolumePermission.");
    const shares = await sharesOf(call, "snapshot", id);
    const asked = { add: [], remove: shares.map(({ UserId }) => UserId) };
    const body = await nativeShares(call, asked, { attribute: Attribute });
    await call.native(shareSnapshot, { params: { snapshot: id }, body });
    return {};
  },
};
