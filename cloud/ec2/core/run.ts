/**
 * What a request to run instances asks for, in our words; or the refusal of what we do not have.
 *
 * Whatever would change what is made is either carried out or refused by name. What only says what is so anyway
 * (`EbsOptimized=false`, a region's default tenancy) is taken.
 */
import { badValue, combination, missing, noKms, refuse, shortened, unsupported } from "./errors.ts";
import { rootDevice } from "./instance.ts";
import { type MetadataOptions, metadataOptionsOf } from "./metadata-options.ts";
import { volumeTypes } from "./volume.ts";
import type { BlockDeviceMapping, RunInstancesRequest } from "./words.ts";

export interface WantedRun {
  readonly image: string;
  readonly type: string;
  readonly count: number;
  readonly zone: string | undefined;
  /** Of each interface, in their order; undefined: the default one. */
  readonly subnets: readonly (string | undefined)[];
  readonly key: string | undefined;
  readonly userData: string | undefined;
  readonly groupIds: readonly string[];
  readonly groupNames: readonly string[];
  readonly isPublic: boolean;
  readonly isProtected: boolean;
  readonly metadata: MetadataOptions;
  readonly isMonitored: boolean;
  readonly rootGiB: number | undefined;
  readonly isRootEncrypted: boolean;
  /** As it was asked for; a word that is kept. */
  readonly rootType: string | undefined;
  readonly disks: readonly {
    readonly device: string;
    readonly sizeGiB: number;
    readonly isGone: boolean;
    readonly encrypted: boolean;
    readonly type: string | undefined;
  }[];
}

/** Ours is the same for all: what asks for it by its usual name means the root. */
const rootNames = new Set([rootDevice, "/dev/sda1", "/dev/xvda", "/dev/sda"]);

/** `defaultType`: EC2 has one of its own. `decode`: base64 to text; undefined if it is none. */
export function wantedRun(
  input: RunInstancesRequest,
  defaultType: string,
  decode: (text: string) => string | undefined,
): WantedRun {
  refuseStrange(input);
  const { MinCount = 1, MaxCount = 1, ImageId } = input;
  if (ImageId === undefined) throw missing("ImageId");
  if (MinCount < 1) throw badValue("minCount", String(MinCount), "It must be at least 1.");
  if (MaxCount < MinCount)
    throw badValue("maxCount", String(MaxCount), "It must not be less than minCount.");
  const card = cardOf(input);
  const userData = input.UserData === undefined ? undefined : decode(input.UserData);
  if (input.UserData !== undefined && userData === undefined)
    throw refuse("InvalidUserData.Malformed", "UserData must be text in UTF-8, encoded as base64");
  const root = (input.BlockDeviceMappings ?? []).filter(isRoot).map(diskOfRoot);
  return {
    image: ImageId,
    type: input.InstanceType ?? defaultType,
    count: MaxCount,
    zone: input.Placement?.AvailabilityZone,
    ...card,
    key: input.KeyName,
    userData,
    isProtected: input.DisableApiTermination ?? false,
    metadata: metadataOptionsOf(input.MetadataOptions),
    isMonitored: input.Monitoring?.Enabled ?? false,
    rootGiB: root.at(-1)?.VolumeSize,
    isRootEncrypted: root.at(-1)?.Encrypted ?? false,
    rootType: root.at(-1)?.VolumeType,
    disks: (input.BlockDeviceMappings ?? []).filter((one) => !isRoot(one)).map(diskOf),
  };
}

type Card = NonNullable<RunInstancesRequest["NetworkInterfaces"]>[number];

function cardOf(
  input: RunInstancesRequest,
): Pick<WantedRun, "subnets" | "groupIds" | "groupNames" | "isPublic"> {
  const cards = (input.NetworkInterfaces ?? []).toSorted((a, b) => placeOf(a) - placeOf(b));
  const [first] = cards;
  if (!first)
    return {
      subnets: [input.SubnetId],
      groupIds: input.SecurityGroupIds ?? [],
      groupNames: input.SecurityGroups ?? [],
      isPublic: false,
    };
  if (input.SubnetId !== undefined || input.SecurityGroupIds || input.SecurityGroups)
    throw combination(
      "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
    );
  for (const [place, card] of cards.entries()) checkCard(card, place, first);
  return {
    subnets: cards.map(({ SubnetId }) => SubnetId),
    groupIds: first.Groups ?? [],
    groupNames: [],
    isPublic: first.AssociatePublicIpAddress ?? false,
  };
}

const placeOf = ({ DeviceIndex = 0 }: Card) => DeviceIndex;

/** What each interface would have of its own, and has here as the first one has it. */
function checkCard(card: Card, place: number, first: Card): void {
  if (placeOf(card) !== place)
    throw badValue("deviceIndex", String(card.DeviceIndex), "They begin at 0, each once.");
  for (const name of [
    "NetworkInterfaceId",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "Ipv6Addresses",
  ] as const)
    if (card[name] !== undefined) throw unsupported(`NetworkInterface.${name} is not supported.`);
  if (card.DeleteOnTermination === false)
    throw unsupported(
      "A network interface goes with its instance: DeleteOnTermination must be true.",
    );
  if (place > 0 && card.AssociatePublicIpAddress)
    throw unsupported("A public address is on the first network interface.");
  const groups = ({ Groups = [] }: Card) => Groups.toSorted().join();
  if (groups(card) !== groups(first))
    throw unsupported("All network interfaces of an instance are in the same security groups.");
}

const isRoot = ({ DeviceName = "" }: BlockDeviceMapping) => rootNames.has(DeviceName);

function diskOfRoot({ Ebs, NoDevice, VirtualName }: BlockDeviceMapping) {
  if (NoDevice !== undefined || VirtualName !== undefined)
    throw refuse("InvalidBlockDeviceMapping", "The root device cannot be left out");
  if (Ebs?.DeleteOnTermination === false)
    throw unsupported("A root volume goes with its instance: DeleteOnTermination must be true.");
  if (Ebs?.SnapshotId !== undefined)
    throw refuse(
      "InvalidBlockDeviceMapping",
      "The root volume is made of the image: a snapshot cannot be said for it.",
    );
  checkDisk(Ebs);
  return Ebs ?? {};
}

function diskOf({
  DeviceName,
  Ebs,
  NoDevice,
  VirtualName,
}: BlockDeviceMapping): WantedRun["disks"][number] {
  if (DeviceName === undefined) throw missing("BlockDeviceMapping.DeviceName");
  if (NoDevice !== undefined || VirtualName !== undefined || !Ebs)
    throw unsupported(`${DeviceName}: only volumes can be mapped.`);
  if (Ebs.SnapshotId !== undefined)
    throw unsupported("A volume is made empty; one from a snapshot is not supported.");
  if (Ebs.VolumeSize === undefined) throw missing("size/snapshot");
  checkDisk(Ebs);
  return {
    device: DeviceName,
    sizeGiB: Ebs.VolumeSize,
    isGone: Ebs.DeleteOnTermination ?? true,
    encrypted: Ebs.Encrypted ?? false,
    type: Ebs.VolumeType,
  };
}

function checkDisk(ebs: BlockDeviceMapping["Ebs"]): void {
  const { KmsKeyId, OutpostArn, Iops, Throughput, VolumeType } = ebs ?? {};
  if (KmsKeyId !== undefined) throw noKms();
  if (OutpostArn !== undefined) throw unsupported("There are no Outposts.");
  if (Iops !== undefined || Throughput !== undefined)
    throw unsupported(
      `${Iops === undefined ? "Throughput" : "Iops"} of a disk of a new instance is not supported.`,
      "Say it with ModifyVolume when the instance is there.",
    );
  if (VolumeType !== undefined && !volumeTypes.has(VolumeType))
    throw unsupported(
      `${shortened(VolumeType)} is no type of EC2's, and the disks of a new instance are in the pool of the installation.`,
      "CreateVolume makes a volume in the pool that its type names.",
    );
}

function refuseStrange(input: RunInstancesRequest): void {
  const never = [
    ...["Ipv6AddressCount", "Ipv6Addresses", "KernelId", "RamdiskId", "PrivateIpAddress"],
    ...[
      "AdditionalInfo",
      "IamInstanceProfile",
      "ElasticGpuSpecification",
      "ElasticInferenceAccelerators",
    ],
    ...["LaunchTemplate", "InstanceMarketOptions", "LicenseSpecifications", "CpuOptions"],
  ] as const;
  for (const name of never)
    if (input[name as keyof RunInstancesRequest] !== undefined)
      throw unsupported(`The parameter ${name} is not supported.`);
  const { Placement: place = {} } = input;
  for (const name of [
    "Affinity",
    "HostId",
    "GroupName",
    "PartitionNumber",
    "HostResourceGroupArn",
    "SpreadDomain",
    "GroupId",
  ] as const)
    if (place[name] !== undefined) throw unsupported(`Placement.${name} is not supported.`);
  if (place.Tenancy !== undefined && place.Tenancy !== "default")
    throw unsupported(`The tenancy ${place.Tenancy} is not supported.`);
  if (input.HibernationOptions?.Configured) throw unsupported("Hibernation is not supported.");
  if (input.EnclaveOptions?.Enabled) throw unsupported("Enclaves are not supported.");
  if (input.EbsOptimized) throw unsupported("No type is EBS-optimized.");
  if (input.DisableApiStop)
    throw unsupported("An instance cannot be protected from being stopped.");
  if (input.InstanceInitiatedShutdownBehavior === "terminate")
    throw unsupported("A guest that shuts itself down is stopped, not terminated.");
  const preference =
    input.CapacityReservationSpecification?.CapacityReservationPreference ?? "open";
  if (preference !== "open" || input.CapacityReservationSpecification?.CapacityReservationTarget)
    throw unsupported("There are no capacity reservations.");
  if (input.CreditSpecification?.CpuCredits === "unlimited")
    throw unsupported("No type is burstable.");
  if (input.MaintenanceOptions?.AutoRecovery === "disabled")
    throw unsupported("Say so natively: holdfast recovery INSTANCE none.");
}
