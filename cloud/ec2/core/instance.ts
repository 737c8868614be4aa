/**
 * An instance as EC2 shows it. Ours has a wish and a state where EC2 has one word, and more states than EC2 has words.
 *
 * A waiter for `running` gives up at `stopping`, and one for `stopped` at `pending`: so what is being ended only to be
 * started again is pending, and what nobody hears of at the moment runs on, which is what it does.
 */
import type { InstanceState } from "@holdfast/cloud/instances";
import type { MetadataTokens } from "@holdfast/cloud/metadata";
import type { Instant } from "@holdfast/kernel/time";
import { iso } from "@holdfast/kernel/time";
import type { Known, Tag } from "./filters.ts";
import { digitsOf, idOf } from "./ids.ts";
import type { Instance, InstanceState as StateWord } from "./words.ts";

export interface InstanceRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly cpus: number;
  readonly image: string;
  readonly state: InstanceState;
  readonly desired: "running" | "stopped" | "destroyed" | "expunged";
  readonly cause: { readonly class: string; readonly says: string; readonly at: number } | null;
  readonly isProtected: boolean;
  readonly metadata: "on" | "off";
  readonly metadataTokens: MetadataTokens;
  readonly metadataHops: number;
  readonly createdAt: Instant;
  readonly launchedAt: Instant | null;
  readonly endedAt: Instant | null;
  readonly zone: string | null;
  readonly key: string | null;
  readonly nics: readonly NicRow[];
  readonly disks: readonly DiskRow[];
  readonly tags: readonly Tag[];
  readonly note: {
    readonly type?: string;
    readonly token?: string;
    readonly run?: string;
    readonly index?: number;
    readonly isMonitored?: boolean;
    readonly key?: string;
  } | null;
}

export interface NicRow {
  readonly id: string;
  readonly network: string;
  readonly domain: string;
  readonly address: string;
  readonly mac: string;
  readonly publicAddress: string | null;
  /** Static ones are their project's. */
  readonly isKept: boolean;
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

export interface DiskRow {
  readonly id: string;
  readonly slot: number;
  readonly isGone: boolean;
  readonly attachedAt: Instant;
  readonly isLeaving: boolean;
  readonly device: string | null;
}

export interface Place {
  readonly account: string;
  /** Of what has not been placed so far. */
  readonly zone: string;
  readonly aliasOf: (type: string) => string;
  /** Each network has one in each zone. */
  readonly subnetOf: (network: string, zone: string) => string;
}

const words: readonly StateWord[] = [
  { Code: 0, Name: "pending" },
  { Code: 16, Name: "running" },
  { Code: 32, Name: "shutting-down" },
  { Code: 48, Name: "terminated" },
  { Code: 64, Name: "stopping" },
  { Code: 80, Name: "stopped" },
];
const word = (name: string): StateWord => words.find(({ Name }) => Name === name) ?? {};

export function stateOf({ state, desired }: Pick<InstanceRow, "state" | "desired">): StateWord {
  const isToGo = desired === "destroyed" || desired === "expunged";
  switch (state) {
    case "provisioning":
    case "starting":
      return word(isToGo ? "shutting-down" : desired === "stopped" ? "stopping" : "pending");
    case "running":
    case "migrating":
    case "lost":
      return word(isToGo ? "shutting-down" : desired === "stopped" ? "stopping" : "running");
    case "stopping":
      return word(isToGo ? "shutting-down" : desired === "running" ? "pending" : "stopping");
    case "stopped":
      return word(isToGo ? "shutting-down" : desired === "running" ? "pending" : "stopped");
    case "failed":
      return word(isToGo ? "shutting-down" : "stopped");
    case "destroyed":
    case "expunging":
    case "expunged":
      return word("terminated");
  }
}

/** Every instance is measured alike; a client is told what it has asked for. */
export const monitoringOf = (isOn: boolean | undefined) => ({
  State: isOn ? "enabled" : "disabled",
});

/** The root is the first disk that its guest sees. */
export const rootDevice = "/dev/vda";
export const deviceOf = (slot: number) => `/dev/vd${String.fromCharCode(97 + slot)}`;

const userInitiated = {
  Code: "Client.UserInitiatedShutdown",
  Message: "Client.UserInitiatedShutdown: User initiated shutdown",
};

/** What is absent is undefined and not left out: objects of one form are made and read in a fraction of the time. */
export function instanceView(row: InstanceRow, place: Place): Instance {
  const { aliasOf, subnetOf } = place;
  const zone = row.zone ?? place.zone;
  const state = stateOf(row);
  const isGone = state.Name === "terminated";
  const [first] = isGone ? [] : row.nics;
  const ended = state.Name === "stopped" || isGone ? row.cause : null;
  const reason = reasonOf(row, state.Name ?? "");
  return {
    AmiLaunchIndex: row.note?.index ?? 0,
    ImageId: idOf("image", row.image),
    InstanceId: idOf("instance", row.id),
    InstanceType: row.note?.type ?? aliasOf(row.type),
    KeyName: row.key === null ? undefined : (row.note?.key ?? row.key),
    LaunchTime: row.launchedAt ?? row.createdAt,
    Monitoring: monitoringOf(row.note?.isMonitored),
    Placement: { AvailabilityZone: zone, GroupName: "", Tenancy: "default" },
    PrivateDnsName: first ? `${row.name}.${first.domain}` : "",
    PrivateIpAddress: first?.address,
    PublicDnsName: "",
    PublicIpAddress: first?.publicAddress ?? undefined,
    State: state,
    StateTransitionReason: reason,
    SubnetId: first && subnetOf(first.network, zone),
    VpcId: first && idOf("network", first.network),
    SourceDestCheck: first && true,
    Architecture: "x86_64",
    BlockDeviceMappings: isGone ? [] : row.disks.map(mappingView),
    ClientToken: row.note?.token ?? "",
    EbsOptimized: false,
    EnaSupport: true,
    Hypervisor: "kvm",
    NetworkInterfaces: isGone ? [] : row.nics.map((nic, index) => nicView(nic, index, row, place)),
    RootDeviceName: rootDevice,
    RootDeviceType: "ebs",
    SecurityGroups: (first?.groups ?? []).map(groupView),
    StateReason: ended
      ? { Code: `Server.${ended.class}`, Message: ended.says }
      : isGone
        ? userInitiated
        : undefined,
    Tags: row.tags,
    VirtualizationType: "hvm",
    CpuOptions: { CoreCount: row.cpus, ThreadsPerCore: 1 },
    CapacityReservationSpecification: { CapacityReservationPreference: "open" },
    HibernationOptions: { Configured: false },
    MetadataOptions: {
      State: "applied",
      HttpTokens: row.metadataTokens,
      HttpPutResponseHopLimit: row.metadataHops,
      HttpEndpoint: row.metadata === "on" ? "enabled" : "disabled",
      HttpProtocolIpv6: "disabled",
      InstanceMetadataTags: "disabled",
    },
    EnclaveOptions: { Enabled: false },
    BootMode: "legacy-bios",
    PlatformDetails: "Linux/UNIX",
    UsageOperation: "RunInstances",
    PrivateDnsNameOptions: {
      HostnameType: "ip-name",
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    MaintenanceOptions: { AutoRecovery: "default" },
  };
}

function reasonOf({ cause, endedAt }: InstanceRow, state: string): string {
  if (state === "terminated" && endedAt !== null)
    return `User initiated (${iso(endedAt).replace("T", " ").slice(0, 19)} GMT)`;
  if (state !== "stopped") return "";
  return cause ? cause.says : "User initiated";
}

function mappingView({ id, slot, isGone, attachedAt, isLeaving, device }: DiskRow) {
  return {
    DeviceName: slot === 0 ? rootDevice : (device ?? deviceOf(slot)),
    Ebs: {
      AttachTime: attachedAt,
      DeleteOnTermination: isGone,
      Status: isLeaving ? "detaching" : "attached",
      VolumeId: idOf("volume", id),
    },
  };
}

const groupView = ({ id, name }: { id: string; name: string }) => ({
  GroupName: name,
  GroupId: idOf("group", id),
});

export function nicView(
  nic: NicRow,
  index: number,
  row: Pick<InstanceRow, "name" | "zone" | "createdAt">,
  { account, zone, subnetOf }: Place,
) {
  const name = `${row.name}.${nic.domain}`;
  const Association = nic.publicAddress
    ? {
        IpOwnerId: nic.isKept ? account : "amazon",
        PublicDnsName: "",
        PublicIp: nic.publicAddress,
      }
    : undefined;
  return {
    Association,
    Attachment: {
      AttachTime: row.createdAt,
      AttachmentId: `eni-attach-${digitsOf(nic.id)}`,
      DeleteOnTermination: true,
      DeviceIndex: index,
      Status: "attached",
      NetworkCardIndex: 0,
    },
    Description: "",
    Groups: nic.groups.map(groupView),
    Ipv6Addresses: [],
    MacAddress: nic.mac,
    NetworkInterfaceId: idOf("nic", nic.id),
    OwnerId: account,
    PrivateDnsName: name,
    PrivateIpAddress: nic.address,
    PrivateIpAddresses: [
      { Association, Primary: true, PrivateDnsName: name, PrivateIpAddress: nic.address },
    ],
    SourceDestCheck: true,
    Status: "in-use",
    SubnetId: subnetOf(nic.network, row.zone ?? zone),
    VpcId: idOf("network", nic.network),
    InterfaceType: "interface",
  };
}

export const reservationOf = ({ id, note }: Pick<InstanceRow, "id" | "note">) =>
  idOf("reservation", note?.run ?? id);

/** By these instances are found. */
export const instanceFilters: Known<
  Instance & { readonly ReservationId: string; readonly OwnerId: string }
> = {
  affinity: () => undefined,
  architecture: ({ Architecture }) => Architecture,
  "availability-zone": ({ Placement }) => Placement?.AvailabilityZone,
  "block-device-mapping.attach-time": (one) =>
    (one.BlockDeviceMappings ?? []).map(({ Ebs }) => moment(Ebs?.AttachTime)),
  "block-device-mapping.delete-on-termination": (one) =>
    (one.BlockDeviceMappings ?? []).map(({ Ebs }) => String(Ebs?.DeleteOnTermination)),
  "block-device-mapping.device-name": (one) =>
    (one.BlockDeviceMappings ?? []).map(({ DeviceName }) => DeviceName),
  "block-device-mapping.status": (one) =>
    (one.BlockDeviceMappings ?? []).map(({ Ebs }) => Ebs?.Status),
  "block-device-mapping.volume-id": (one) =>
    (one.BlockDeviceMappings ?? []).map(({ Ebs }) => Ebs?.VolumeId),
  "client-token": ({ ClientToken }) => ClientToken,
  "dns-name": ({ PublicDnsName }) => PublicDnsName,
  "group-id": ({ SecurityGroups = [] }) => SecurityGroups.map(({ GroupId }) => GroupId),
  "group-name": ({ SecurityGroups = [] }) => SecurityGroups.map(({ GroupName }) => GroupName),
  hypervisor: ({ Hypervisor }) => Hypervisor,
  "iam-instance-profile.arn": () => undefined,
  "image-id": ({ ImageId }) => ImageId,
  "instance-id": ({ InstanceId }) => InstanceId,
  "instance-lifecycle": () => undefined,
  "instance-state-code": ({ State }) => State?.Code,
  "instance-state-name": ({ State }) => State?.Name,
  "instance-type": ({ InstanceType }) => InstanceType,
  "instance.group-id": ({ SecurityGroups = [] }) => SecurityGroups.map(({ GroupId }) => GroupId),
  "instance.group-name": ({ SecurityGroups = [] }) =>
    SecurityGroups.map(({ GroupName }) => GroupName),
  "ip-address": ({ PublicIpAddress }) => PublicIpAddress,
  "key-name": ({ KeyName }) => KeyName,
  "launch-index": ({ AmiLaunchIndex }) => AmiLaunchIndex,
  "launch-time": ({ LaunchTime }) => moment(LaunchTime),
  "monitoring-state": ({ Monitoring }) => Monitoring?.State,
  "network-interface.addresses.private-ip-address": nics(
    ({ PrivateIpAddress }) => PrivateIpAddress,
  ),
  "network-interface.association.public-ip": nics(({ Association }) => Association?.PublicIp),
  "network-interface.mac-address": nics(({ MacAddress }) => MacAddress),
  "network-interface.network-interface-id": nics(({ NetworkInterfaceId }) => NetworkInterfaceId),
  "network-interface.subnet-id": nics(({ SubnetId }) => SubnetId),
  "network-interface.vpc-id": nics(({ VpcId }) => VpcId),
  "owner-id": ({ OwnerId }) => OwnerId,
  "placement-group-name": () => undefined,
  platform: () => undefined,
  "private-dns-name": ({ PrivateDnsName }) => PrivateDnsName,
  "private-ip-address": ({ PrivateIpAddress }) => PrivateIpAddress,
  reason: ({ StateTransitionReason }) => StateTransitionReason,
  "reservation-id": ({ ReservationId }) => ReservationId,
  "root-device-name": ({ RootDeviceName }) => RootDeviceName,
  "root-device-type": ({ RootDeviceType }) => RootDeviceType,
  "source-dest-check": ({ SourceDestCheck }) => SourceDestCheck,
  "state-reason-code": ({ StateReason }) => StateReason?.Code,
  "state-reason-message": ({ StateReason }) => StateReason?.Message,
  "subnet-id": ({ SubnetId }) => SubnetId,
  tenancy: ({ Placement }) => Placement?.Tenancy,
  "virtualization-type": ({ VirtualizationType }) => VirtualizationType,
  "vpc-id": ({ VpcId }) => VpcId,
};

type Nic = NonNullable<Instance["NetworkInterfaces"]>[number];
function nics(of: (nic: Nic) => string | undefined) {
  return ({ NetworkInterfaces = [] }: Instance) => NetworkInterfaces.map(of);
}

function moment(at: Instant | undefined): string | undefined {
  return at === undefined ? undefined : iso(at);
}
