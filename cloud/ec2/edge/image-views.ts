/** Images as EC2's clients see them: ours, by the names that those clients have given them. */
import { type ImageView, listImages } from "@holdfast/cloud/images/api";
import { mayUse } from "@holdfast/cloud/images/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import { everyPage } from "@holdfast/kernel/pages";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Known, Tag } from "../core/filters.ts";
import { idOf } from "../core/ids.ts";
import { rootDevice } from "../core/instance.ts";
import type { Image } from "../core/words.ts";
import { accountOf, type Call } from "./call.ts";
import type { Note } from "./notes.ts";

const states = {
  importing: "pending",
  ready: "available",
  failed: "failed",
  deleted: "deregistered",
} as const;
/** Whose images are that everybody may use. */
const everybody = "000000000000";

export const imageFilters: Known<Image> = {
  architecture: ({ Architecture }) => Architecture,
  "block-device-mapping.device-name": ({ BlockDeviceMappings = [] }) =>
    BlockDeviceMappings.map(({ DeviceName }) => DeviceName),
  "block-device-mapping.encrypted": ({ BlockDeviceMappings = [] }) =>
    BlockDeviceMappings.map(({ Ebs }) => String(Ebs?.Encrypted ?? false)),
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

/** All that this project may use. */
export async function imagesOf(call: Call): Promise<readonly Image[]> {
  const images = await everyPage(
    (after) => call.native(listImages, { query: { after } }),
    (page) => page.images,
  );
  const rows = await call.database.query<Said & { id: string }>(
    `select i.id, i.project_id as owner, (select x.detail from ec2_note x where x.subject = i.id) as note,
       coalesce((select json_agg(json_build_object('Key', t.key, 'Value', t.value) order by t.key)
         from tag t where t.resource = i.id and t.project_id = $1), '[]') as tags
     from image i where ${mayUse("$1")} and i.state <> 'deleted'`,
    [call.project],
  );
  const said = new Map(rows.map((row) => [row.id, row]));
  return images.map((image) => viewOf(image, said.get(image.id)));
}

/** Of an image: whose it is, what its owner has said of it, and this project's tags on it. */
interface Said {
  readonly owner: ProjectId | null;
  readonly note: Note | null;
  readonly tags: readonly Tag[];
}

const gib = 2 ** 30;

function viewOf(image: ImageView, said: Said | undefined): Image {
  const name = said?.note?.display ?? image.name;
  const owner = said?.owner ? accountOf(said.owner) : everybody;
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
          Encrypted: image.encrypted,
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
