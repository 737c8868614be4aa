/** Images: ours, by the names that EC2's clients have given them. */

import { deleteImage, type ImageView, listImages } from "@holdfast/cloud/images/api";
import { createImageFrom, createImageFromSnapshot } from "@holdfast/cloud/volumes/api";
import { everyPage } from "@holdfast/kernel/pages";
import { Problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { iso } from "@holdfast/kernel/time";
import { badValue, missing, notFound, refuse, shortened, unsupported } from "../core/errors.ts";
import { filtering, type Known, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { rootDevice } from "../core/instance.ts";
import { nativeName } from "../core/names.ts";
import { sizeOf } from "../core/volume.ts";
import type { Image, ImageAttribute } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { findInstanceRow } from "./instance-rows.ts";
import { type Note, writeNotes } from "./notes.ts";
import { pageOf } from "./pages.ts";
import { mixed } from "./places.ts";
import { findImage } from "./run.ts";
import { findSnapshot } from "./snapshots.ts";
import { tagsFor, writeTags } from "./tags.ts";

const states = {
  importing: "pending",
  ready: "available",
  failed: "failed",
  deleted: "deregistered",
} as const;
/** Whose images are that everybody may use. */
const everybody = "000000000000";

const filters: Known<Image> = {
  architecture: ({ Architecture }) => Architecture,
  "block-device-mapping.device-name": ({ BlockDeviceMappings = [] }) =>
    BlockDeviceMappings.map(({ DeviceName }) => DeviceName),
  "creation-date": ({ CreationDate }) => CreationDate,
  description: ({ Description }) => Description,
  "ena-support": ({ EnaSupport }) => EnaSupport,
  hypervisor: ({ Hypervisor }) => Hypervisor,
  "image-id": ({ ImageId }) => ImageId,
  "image-type": ({ ImageType }) => ImageType,
  "is-public": ({ Public }) => Public,
  "manifest-location": ({ ImageLocation }) => ImageLocation,
  name: ({ Name }) => Name,
  "owner-alias": () => undefined,
  "owner-id": ({ OwnerId }) => OwnerId,
  platform: () => undefined,
  "product-code": () => undefined,
  "root-device-name": ({ RootDeviceName }) => RootDeviceName,
  "root-device-type": ({ RootDeviceType }) => RootDeviceType,
  state: ({ State }) => State,
  "virtualization-type": ({ VirtualizationType }) => VirtualizationType,
};

async function imagesOf(call: Call): Promise<readonly Image[]> {
  const images = await everyPage(
    (after) => call.native(listImages, { query: { after } }),
    (page) => page.images,
  );
  const rows = await call.database.query<{ id: string; note: Note | null; tags: readonly Tag[] }>(
    `select i.id, (select x.detail from ec2_note x where x.subject = i.id) as note,
       coalesce((select json_agg(json_build_object('Key', t.key, 'Value', t.value) order by t.key)
         from tag t where t.resource = i.id and t.project_id = $1), '[]') as tags
     from image i where (i.project_id = $1 or i.project_id is null) and i.state <> 'deleted'`,
    [call.project],
  );
  const said = new Map(rows.map((row) => [row.id, row]));
  const account = accountOf(call.project);
  return images.map((image) => viewOf(image, account, said.get(image.id)));
}

const gib = 2 ** 30;

function viewOf(
  image: ImageView,
  account: string,
  said: { readonly note: Note | null; readonly tags: readonly Tag[] } | undefined,
): Image {
  const name = said?.note?.display ?? image.name;
  const owner = image.project === null ? everybody : account;
  return {
    Architecture: "x86_64",
    CreationDate: iso(image.createdAt as Instant), // A view's times are numbers.
    ImageId: idOf("image", image.id),
    ImageLocation: `${owner}/${name}`,
    ImageType: "machine",
    Public: image.project === null,
    OwnerId: owner,
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    State: states[image.state],
    BlockDeviceMappings: [
      {
        DeviceName: rootDevice,
        Ebs: {
          DeleteOnTermination: true,
          VolumeSize: Math.max(1, Math.ceil((image.bytes ?? gib) / gib)),
          VolumeType: "gp2",
          Encrypted: false,
        },
      },
    ],
    ...(said?.note?.description === undefined ? {} : { Description: said.note.description }),
    EnaSupport: true,
    Hypervisor: "kvm",
    Name: name,
    RootDeviceName: rootDevice,
    RootDeviceType: "ebs",
    ...(image.problem
      ? { StateReason: { Code: image.problem.code, Message: image.problem.message } }
      : {}),
    Tags: said?.tags ?? [],
    VirtualizationType: "hvm",
    BootMode: "legacy-bios",
  };
}

export const imageAnswers: Answers = {
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
    const passes = filtering(Filters, filters, ({ Tags = [] }) => Tags as readonly Tag[]); // Keys and values are there.
    const isOwned = ({ OwnerId = "", Public }: Image) =>
      !Owners ||
      Owners.some(
        (owner) =>
          owner === OwnerId ||
          (owner === "self" && OwnerId === account) ||
          (Public === true && (owner === "amazon" || owner === "holdfast")),
      );
    const mayRun = ({ OwnerId, Public }: Image) =>
      !ExecutableUsers ||
      ExecutableUsers.some((user) =>
        user === "all" ? Public === true : Public === true || OwnerId === account,
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
    const tags = tagsFor("image", TagSpecifications, ["snapshot"]);
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
      !more.Encrypted &&
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
    await call.native(deleteImage, { params: { image } });
    return {};
  },

  async DescribeImageAttribute(call) {
    const { Attribute = "", ImageId = "" } = call.input;
    readId("image", ImageId);
    const image = (await imagesOf(call)).find((one) => one.ImageId === ImageId);
    if (!image) throw notFound("InvalidAMIID.NotFound", "image", [ImageId]);
    const known: Readonly<Record<string, ImageAttribute>> = {
      description: { Description: { Value: image.Description } },
      kernel: { KernelId: {} },
      ramdisk: { RamdiskId: {} },
      launchPermission: { LaunchPermissions: image.Public ? [{ Group: "all" }] : [] },
      productCodes: { ProductCodes: [] },
      blockDeviceMapping: { BlockDeviceMappings: image.BlockDeviceMappings },
      sriovNetSupport: { SriovNetSupport: {} },
      bootMode: { BootMode: { Value: image.BootMode } },
    };
    const found = Object.hasOwn(known, Attribute) ? known[Attribute] : undefined;
    if (!found) throw badValue("attribute", Attribute, "There is no such attribute.");
    return { ImageId, ...found };
  },

  async ModifyImageAttribute(call) {
    const { Attribute, Value, Description, ImageId = "", DryRun: _, ...others } = call.input;
    const text = Description?.Value ?? (Attribute === "description" ? Value : undefined);
    const id = await findImage(call, ImageId);
    const isShared = (await imagesOf(call)).some(
      (one) => one.ImageId === ImageId && one.Public === true,
    );
    if (isShared)
      throw refuse("OperationNotPermitted", `The image ${shortened(ImageId)} is everybody's`);
    if (text === undefined || Object.keys(others).length > 0)
      throw unsupported(
        "Of an image its description can be changed; it cannot be shared with other accounts.",
      );
    await writeNotes(call.database, call.project, [{ subject: id, note: { description: text } }]);
    return {};
  },
};

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
  }: {
    readonly Name: string;
    readonly Description: string | undefined;
    readonly tags: readonly Tag[];
  },
  make: (name: string) => Promise<ImageView>,
): Promise<{ readonly ImageId: string }> {
  const image = await make(nativeName(Name, "image", mixed)).catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== "name_taken") throw error;
    throw refuse("InvalidAMIName.Duplicate", `AMI name ${Name} is already in use`);
  });
  const note = {
    display: Name,
    ...(Description === undefined ? {} : { description: Description }),
  };
  await database.transaction(async (sql) => {
    await writeNotes(sql, project, [{ subject: image.id, note }]);
    await writeTags(sql, project, "image", [image.id], tags);
  });
  return { ImageId: idOf("image", image.id) };
}
