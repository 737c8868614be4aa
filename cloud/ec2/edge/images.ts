/** Images: shown, made, copied and given up. What is said of one is in image-attributes.ts. */
import { copyImage, deleteImage, type ImageView } from "@holdfast/cloud/images/api";
import { createImageFrom, createImageFromSnapshot } from "@holdfast/cloud/volumes/api";
import { Problem } from "@holdfast/kernel/problem";
import { badValue, missing, noKms, refuse, unsupported } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { rootDevice } from "../core/instance.ts";
import { nativeName } from "../core/names.ts";
import { sizeOf } from "../core/volume.ts";
import type { Image } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { imageAttributeAnswers } from "./image-attributes.ts";
import { imageFilters, imagesOf } from "./image-views.ts";
import { findInstanceRow } from "./instance-rows.ts";
import { type Note, writeNotes } from "./notes.ts";
import { pageOf } from "./pages.ts";
import { mixed } from "./places.ts";
import { findImage } from "./run.ts";
import { findSnapshot } from "./snapshots.ts";
import { tagsFor, writeTags } from "./tags.ts";

export const imageAnswers: Answers = {
  ...imageAttributeAnswers,

  async DescribeImages(call) {
    const { ImageIds, Owners, ExecutableUsers, Filters } = call.input;
    const account = accountOf(call.project);
    const all = await imagesOf(call);
    const wanted = ImageIds?.map((id) => {
      readId("image", id);
      return id;
    });
    const lacking = (wanted ?? []).filter((id) => !all.some(({ ImageId }) => ImageId === id));
    if (lacking.length > 0)
      throw refuse(
        "InvalidAMIID.NotFound",
        `The image id '[${lacking.slice(0, 20).join(", ")}]' does not exist`,
      );
    const passes = filtering(Filters, imageFilters, ({ Tags = [] }) => Tags as readonly Tag[]); // Keys and values are there.
    const isOwned = ({ OwnerId = "", Public }: Image) =>
      !Owners ||
      Owners.some(
        (owner) =>
          owner === OwnerId ||
          (owner === "self" && OwnerId === account) ||
          (Public === true && (owner === "amazon" || owner === "holdfast")),
      );
    // Whatever is seen here may be run here.
    const mayRun = ({ Public }: Image) =>
      !ExecutableUsers ||
      ExecutableUsers.some((user) =>
        user === "all" ? Public === true : user === "self" || user === account,
      );
    const found = all.filter(
      (image) =>
        (!wanted || wanted.includes(image.ImageId ?? "")) &&
        isOwned(image) &&
        mayRun(image) &&
        passes(image),
    );
    const { page, next } = pageOf(
      found,
      ({ ImageId = "" }) => ImageId,
      call.input,
      "image",
      ImageIds,
    );
    return { Images: page, ...("NextToken" in next ? next : {}) } as { Images: readonly Image[] };
  },

  async CreateImage(call) {
    const {
      InstanceId = "",
      Name = "",
      Description,
      BlockDeviceMappings,
      TagSpecifications,
    } = call.input;
    checkName(Name);
    if (
      (BlockDeviceMappings ?? []).some(
        ({ DeviceName, NoDevice }) => DeviceName === rootDevice || NoDevice === undefined,
      )
    )
      throw unsupported("An image is made of the root volume as it is.");
    const tags = tagsFor("image", TagSpecifications);
    const { database, project } = call;
    const row = await findInstanceRow(database, project, InstanceId);
    const root = row.disks.find(({ slot }) => slot === 0);
    if (!root) throw refuse("IncorrectInstanceState", `${InstanceId} has no root volume`);
    return made(call, { Name, Description, tags }, (name) =>
      call.native(createImageFrom, { params: { volume: root.id }, body: { name } }),
    );
  },

  async RegisterImage(call) {
    const {
      Name = "",
      Description,
      BlockDeviceMappings = [],
      RootDeviceName = rootDevice,
      Architecture = "x86_64",
      VirtualizationType = "hvm",
      BootMode = "legacy-bios",
      EnaSupport: _,
      DryRun: __,
      ...others
    } = call.input;
    checkName(Name);
    const [other] = Object.keys(others);
    if (other !== undefined)
      throw unsupported(`${other} is not supported: an image is registered of one snapshot.`);
    if (Architecture !== "x86_64" || VirtualizationType !== "hvm" || BootMode !== "legacy-bios")
      throw unsupported("Machines are x86_64, hvm and legacy-bios.");
    const [mapping, second] = BlockDeviceMappings;
    const { SnapshotId, VolumeSize, VolumeType: ___, ...more } = mapping?.Ebs ?? {};
    if (mapping === undefined || SnapshotId === undefined)
      throw missing("BlockDeviceMapping.1.Ebs.SnapshotId");
    if (second !== undefined) throw unsupported("An image is of one disk.");
    if (mapping.DeviceName !== RootDeviceName || RootDeviceName !== rootDevice)
      throw badValue("rootDeviceName", RootDeviceName, `The root device is ${rootDevice}.`);
    const snapshot = await findSnapshot(call, SnapshotId);
    const isSo =
      (VolumeSize ?? sizeOf(snapshot.bytes)) === sizeOf(snapshot.bytes) &&
      (more.DeleteOnTermination ?? true) &&
      (more.Encrypted ?? snapshot.encrypted) === snapshot.encrypted &&
      [more.Iops, more.Throughput, more.KmsKeyId, more.OutpostArn].every((it) => it === undefined);
    if (!isSo)
      throw unsupported(
        "The root volume goes with its instance, and how big and how fast it is is said when that is run.",
      );
    return made(call, { Name, Description, tags: [] }, (name) =>
      call.native(createImageFromSnapshot, { params: { snapshot: snapshot.id }, body: { name } }),
    );
  },

  async DeregisterImage(call) {
    const { ImageId = "" } = call.input;
    const image = await findImage(call, ImageId);
    // EC2 lets go of an image whatever was made of it, and what has ended here may still be taken back.
    await call.native(deleteImage, { params: { image }, query: { inUse: "keep" } });
    return {};
  },

  async CopyImage(call) {
    const { Name = "", Description, SourceImageId = "", ClientToken, CopyImageTags } = call.input;
    const { SourceRegion = "", Encrypted, KmsKeyId, DestinationOutpostArn } = call.input;
    checkName(Name);
    if (SourceRegion !== call.region)
      throw badValue("sourceRegion", SourceRegion, `There is one region: ${call.region}.`);
    if (KmsKeyId !== undefined) throw noKms();
    if (DestinationOutpostArn !== undefined) throw unsupported("There are no Outposts.");
    const from = await findImage(call, SourceImageId);
    const before = ClientToken === undefined ? undefined : await copyBy(call, ClientToken);
    if (before !== undefined) {
      const isSame = before.name === nativeName(Name, "image", mixed) && before.copyOf === from;
      // More may be encrypted than was asked for; of what was asked for, nothing may be plain.
      if (isSame && (before.encrypted || !Encrypted)) return { ImageId: idOf("image", before.id) };
      throw refuse(
        "IdempotentParameterMismatch",
        "The client token was used for another request before.",
      );
    }
    const source = (await imagesOf(call)).find(({ ImageId }) => ImageId === SourceImageId);
    const tags = CopyImageTags ? ((source?.Tags ?? []) as readonly Tag[]) : []; // Keys and values are there.
    const more = { copyOf: from, ...(ClientToken === undefined ? {} : { token: ClientToken }) };
    const said = { Name, Description: Description ?? source?.Description, tags, more };
    return made(call, said, (name) =>
      call.native(copyImage, {
        params: { image: from },
        body: { name, encrypted: Encrypted ?? false },
      }),
    );
  },
};

interface Copy {
  readonly id: string;
  readonly name: string;
  readonly copyOf: string;
  readonly encrypted: boolean;
}

/** The copy that was made under a client token. */
async function copyBy({ database, project }: Call, token: string): Promise<Copy | undefined> {
  const [row] = await database.query<Copy>(
    `select i.id, i.name, x.detail->>'copyOf' as "copyOf", i.key_id is not null as encrypted from ec2_note x join image i on i.id = x.subject
     where i.project_id = $1 and i.state <> 'deleted' and x.detail->>'token' = $2 and x.detail ? 'copyOf'`,
    [project, token],
  );
  return row;
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9 ()[\]./\-'@_]{3,128}$/.test(name))
    throw refuse(
      "InvalidAMIName.Malformed",
      "AMI names must be 3 to 128 letters, digits, spaces and ()[]./-'@_",
    );
}

/** Under a name of ours, with what is said of it besides. */
async function made(
  { database, project }: Call,
  {
    Name,
    Description,
    tags,
    more = {},
  }: {
    readonly Name: string;
    readonly Description: string | undefined;
    readonly tags: readonly Tag[];
    readonly more?: Note;
  },
  make: (name: string) => Promise<ImageView>,
): Promise<{ readonly ImageId: string }> {
  const image = await make(nativeName(Name, "image", mixed)).catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== "name_taken") throw error;
    throw refuse("InvalidAMIName.Duplicate", `AMI name ${Name} is already in use`);
  });
  const note = {
    ...more,
    display: Name,
    ...(Description === undefined ? {} : { description: Description }),
  };
  await database.transaction(async (sql) => {
    await writeNotes(sql, project, [{ subject: image.id, note }]);
    await writeTags(sql, project, "image", [image.id], tags);
  });
  return { ImageId: idOf("image", image.id) };
}
