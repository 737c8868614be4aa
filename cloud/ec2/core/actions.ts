/**
 * Every action of the EC2 API that is answered: how far, and what it needs of its caller.
 *
 * The one list: the door serves it, tools/ec2-model.ts takes the shapes of these from the public description of the
 * API, docs/ec2.md prints it, the fuzz and isolation tests walk it. What is not here answers `UnsupportedOperation`.
 * `partly` says what is missing; whatever is asked for beyond that is refused by name, never passed over.
 */
import type { Permission } from "@holdfast/kernel/route";

export interface Action {
  readonly noun: string;
  readonly is: "works" | "partly";
  /** What is missing. */
  readonly note?: string;
  readonly needs: Permission;
  /** The same signed request is carried out once, however often it arrives. */
  readonly changes: boolean;
}

const reads = (noun: string, note?: string): Action => ({
  ...{ noun, is: note ? "partly" : "works", needs: "project:read", changes: false },
  ...(note ? { note } : {}),
});
const changes = (noun: string, note?: string): Action => ({
  ...{ noun, is: note ? "partly" : "works", needs: "project:operate", changes: true },
  ...(note ? { note } : {}),
});
export const actions = {
  RunInstances: changes(
    "instances",
    "interfaces in the same groups; more disks are empty; no IOPS and no throughput of disks; no launch templates, spot market, placement on hosts or profiles",
  ),
  DescribeInstances: reads("instances"),
  DescribeInstanceStatus: reads("instances"),
  StartInstances: changes("instances"),
  StopInstances: changes("instances", "no hibernation"),
  RebootInstances: changes("instances"),
  TerminateInstances: changes("instances"),
  DescribeInstanceAttribute: reads("instances"),
  ModifyInstanceAttribute: changes(
    "instances",
    "the type of one that is stopped, disableApiTermination and groups",
  ),
  ResetInstanceAttribute: changes("instances", "sourceDestCheck, which is never off"),
  GetConsoleOutput: reads("instances"),
  ModifyInstanceEventStartTime: changes("instances"),
  MonitorInstances: changes("instances", "a word that is kept: all are measured alike, in detail"),
  UnmonitorInstances: changes("instances", "as MonitorInstances"),
  DescribeInstanceCreditSpecifications: reads("instances", "no type is burstable"),
  ModifyInstanceMetadataOptions: changes(
    "instances",
    "without IPv6 and without tags; the hop limit is in force where tokens are required",
  ),

  DescribeRegions: reads("places"),
  DescribeAvailabilityZones: reads("places"),
  DescribeAccountAttributes: reads("places"),
  DescribeInstanceTypes: reads("types"),
  DescribeInstanceTypeOfferings: reads("types"),

  CreateTags: changes("tags"),
  DeleteTags: changes("tags"),
  DescribeTags: reads("tags"),

  CreateKeyPair: changes("key pairs", "PEM only"),
  ImportKeyPair: changes("key pairs"),
  DescribeKeyPairs: reads("key pairs"),
  DeleteKeyPair: changes("key pairs"),

  DescribeImages: reads("images"),
  CreateImage: changes("images", "of the root volume alone"),
  RegisterImage: changes("images", "of one snapshot, as the root volume; not of a file"),
  DeregisterImage: changes("images"),
  CopyImage: changes("images", "within the one region; encrypted, what is made of the copy is"),
  DescribeImageAttribute: reads("images"),
  ModifyImageAttribute: changes(
    "images",
    "the description, and launch permissions for accounts of the same organisation",
  ),

  CreateVolume: changes("volumes", "of a snapshot in the pool of that; no keys of KMS"),
  DescribeVolumes: reads("volumes"),
  AttachVolume: changes("volumes"),
  DetachVolume: changes("volumes", "a guest that refuses is not forced"),
  DeleteVolume: changes("volumes", "not of one that has snapshots, which lie in it"),
  ModifyVolume: changes("volumes", "size, IOPS and throughput"),
  DescribeVolumesModifications: reads("volumes"),
  DescribeVolumeStatus: reads("volumes"),
  DescribeVolumeAttribute: reads("volumes"),

  CreateSnapshot: changes("snapshots"),
  CreateSnapshots: changes("snapshots"),
  DescribeSnapshots: reads("snapshots"),
  DeleteSnapshot: changes("snapshots"),
  CopySnapshot: changes("snapshots", "within the one region, in the same pool"),
  DescribeSnapshotAttribute: reads("snapshots"),
  ModifySnapshotAttribute: changes("snapshots", "for accounts of the same organisation"),
  ResetSnapshotAttribute: changes("snapshots"),

  AllocateAddress: changes("addresses"),
  AssociateAddress: changes("addresses"),
  DisassociateAddress: changes("addresses"),
  ReleaseAddress: changes("addresses"),
  DescribeAddresses: reads("addresses"),
  DescribeAddressesAttribute: reads("addresses"),

  CreateSecurityGroup: changes("security groups"),
  DeleteSecurityGroup: changes("security groups"),
  DescribeSecurityGroups: reads("security groups"),
  DescribeSecurityGroupRules: reads("security groups"),
  AuthorizeSecurityGroupIngress: changes(
    "security groups",
    "IPv4; ICMP as a whole; no tags on rules",
  ),
  AuthorizeSecurityGroupEgress: changes(
    "security groups",
    "as ingress; a group without any egress rule lets everything leave",
  ),
  RevokeSecurityGroupIngress: changes("security groups"),
  RevokeSecurityGroupEgress: changes("security groups"),
  ModifySecurityGroupRules: changes("security groups", "descriptions"),
  UpdateSecurityGroupRuleDescriptionsIngress: changes("security groups"),
  UpdateSecurityGroupRuleDescriptionsEgress: changes("security groups"),

  DescribeVpcs: reads("networks"),
  DescribeSubnets: reads("networks"),
  DescribeVpcAttribute: reads("networks"),
  DescribeRouteTables: reads("networks"),
  DescribeNetworkInterfaces: reads("networks"),
  DescribeNetworkInterfaceAttribute: reads("networks"),

  GetEbsEncryptionByDefault: reads("encryption"),
  EnableEbsEncryptionByDefault: { ...changes("encryption"), needs: "project:configure" },
  DisableEbsEncryptionByDefault: { ...changes("encryption"), needs: "project:configure" },
} as const satisfies Readonly<Record<string, Action>>;

export type ActionName = keyof typeof actions;
export const actionNames = Object.keys(actions) as readonly ActionName[];
export const isAction = (name: string): name is ActionName => Object.hasOwn(actions, name);
