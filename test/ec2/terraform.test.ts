/**
 * What Terraform's AWS provider asks, in its order, through the SDK: it creates, reads back, finds nothing to change, changes
 * and destroys. That a plan is empty means here that what is read is what was asked for, attribute by attribute.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as ec2 from "@aws-sdk/client-ec2";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform, until } from "../platform.ts";
import { clientOf, imageNamed } from "./sdk.ts";

let platform: Platform;
let client: ec2.EC2Client;
before(async () => {
  platform = await startPlatform({ hosts: 2 });
  client = clientOf(platform);
  await platform.call("POST", "/v1/public-ranges", { cidr: "198.51.100.0/29" });
});
after(async () => {
  client.destroy();
  await platform.close();
  await stopTestServer();
});

interface Config {
  readonly type: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly sizeGiB: number;
  readonly userData: string;
  readonly isProtected: boolean;
}
const first: Config = {
  ...{ type: "t3.nano", tags: { Name: "web", stage: "test" }, ports: [22, 443], sizeGiB: 2 },
  ...{ userData: "#!/bin/sh\necho hello\n", isProtected: true },
};
const later: Config = {
  ...first,
  ...{ type: "t3.small", tags: { Name: "web", owner: "ada" }, ports: [443, 8080], sizeGiB: 3 },
};
const publicKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVd1sKQ8Jx0b8v5m0o2n9m1tqU8oK3e3n7z0m4d2h5L terraform";

test("what is applied is read back as it was asked for, changed in place, and gone after a destroy", async () => {
  const made = await create(first);
  assert.deepEqual(await read(made), first);
  assert.deepEqual(await read(made), first, "and again: the plan stays empty");
  await change(made, first, later);
  assert.deepEqual(await read(made), later);
  await destroy(made);
});

test("an instance that is not stopped keeps its type, and a client token is good for one volume", async () => {
  const id = await runOne(first);
  await assert.rejects(
    client.send(
      new ec2.ModifyInstanceAttributeCommand({
        InstanceId: id,
        InstanceType: { Value: "t3.small" },
      }),
    ),
    { name: "IncorrectInstanceState" },
  );
  await assert.rejects(
    client.send(
      new ec2.ModifyInstanceAttributeCommand({
        InstanceId: id,
        InstanceType: { Value: "z9.none" },
      }),
    ),
    { name: "InvalidParameterValue" },
  );
  await client.send(
    new ec2.ResetInstanceAttributeCommand({ InstanceId: id, Attribute: "sourceDestCheck" }),
  );
  await end(id);
});

test("a snapshot becomes a volume and an image, and neither needs it afterwards", async () => {
  const id = await runOne(first);
  const { Volumes: [root] = [] } = await client.send(
    new ec2.DescribeVolumesCommand({
      Filters: [{ Name: "attachment.instance-id", Values: [id] }],
    }),
  );
  const { SnapshotId = "", VolumeSize = 0 } = await client.send(
    new ec2.CreateSnapshotCommand({ VolumeId: root?.VolumeId }),
  );
  await until("the snapshot is completed", async () => {
    const { Snapshots } = await client.send(
      new ec2.DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] }),
    );
    return Snapshots?.[0]?.State === "completed";
  });
  const wanted = { SnapshotId, AvailabilityZone: "default", ClientToken: "a copy" };
  const { VolumeId = "" } = await client.send(new ec2.CreateVolumeCommand(wanted));
  const again = await client.send(new ec2.CreateVolumeCommand(wanted));
  assert.equal(again.VolumeId, VolumeId, "the same token means the same volume");
  await assert.rejects(
    client.send(
      new ec2.CreateVolumeCommand({ ClientToken: "a copy", AvailabilityZone: "default", Size: 1 }),
    ),
    { name: "IdempotentParameterMismatch" },
  );
  const { ImageId = "" } = await client.send(
    new ec2.RegisterImageCommand({
      ...{ Name: "From a snapshot", Architecture: "x86_64", VirtualizationType: "hvm" },
      ...{ RootDeviceName: "/dev/vda", Description: "of a test" },
      BlockDeviceMappings: [{ DeviceName: "/dev/vda", Ebs: { SnapshotId, VolumeSize } }],
    }),
  );
  await until("the volume is available", async () => {
    const volume = await volumeOf(VolumeId);
    return volume?.State === "available";
  });
  await until("the image is available", async () => {
    const { Images } = await client.send(new ec2.DescribeImagesCommand({ ImageIds: [ImageId] }));
    return Images?.[0]?.State === "available" && Images[0].Name === "From a snapshot";
  });
  await client.send(new ec2.DeleteSnapshotCommand({ SnapshotId }));
  const volume = await volumeOf(VolumeId);
  assert.deepEqual([volume?.SnapshotId, volume?.Size], [SnapshotId, VolumeSize]);
  await assert.rejects(
    client.send(
      new ec2.CreateVolumeCommand({
        SnapshotId: "snap-00000000000000000",
        AvailabilityZone: "default",
      }),
    ),
    { name: "InvalidSnapshot.NotFound" },
  );
  await assert.rejects(
    client.send(
      new ec2.RegisterImageCommand({
        Name: "Of two",
        BlockDeviceMappings: [
          { DeviceName: "/dev/vda", Ebs: { SnapshotId } },
          { DeviceName: "/dev/vdb", Ebs: { SnapshotId } },
        ],
      }),
    ),
    { name: "UnsupportedOperation" },
  );
  await client.send(new ec2.DeleteVolumeCommand({ VolumeId }));
  await client.send(new ec2.DeregisterImageCommand({ ImageId }));
  await end(id);
});

interface Made {
  readonly key: string;
  readonly group: string;
  readonly instance: string;
  readonly volume: string;
  readonly address: string;
}

async function create(config: Config): Promise<Made> {
  const { KeyName: key = "" } = await client.send(
    new ec2.ImportKeyPairCommand({
      KeyName: "deployer",
      PublicKeyMaterial: Buffer.from(publicKey),
      TagSpecifications: [{ ResourceType: "key-pair", Tags: [{ Key: "made", Value: "here" }] }],
    }),
  );
  const group = await createGroup(config);
  const instance = await runOne(config, {
    ...{ KeyName: key, SecurityGroupIds: [group], BlockDeviceMappings: disks },
  });
  const { VolumeId: volume = "" } = await client.send(
    new ec2.CreateVolumeCommand({
      ...{ AvailabilityZone: "default", Size: config.sizeGiB, VolumeType: "gp3", Iops: 3_000 },
      ...{ ClientToken: "terraform-volume", TagSpecifications: tagged("volume", config) },
    }),
  );
  await until(
    "the volume is available",
    async () => (await volumeOf(volume))?.State === "available",
  );
  const Device = "/dev/sdh";
  await client.send(
    new ec2.AttachVolumeCommand({ Device, InstanceId: instance, VolumeId: volume }),
  );
  await attached(instance, volume);
  const { AllocationId: address = "" } = await client.send(
    new ec2.AllocateAddressCommand({ Domain: "vpc" }),
  );
  await client.send(
    new ec2.AssociateAddressCommand({ AllocationId: address, InstanceId: instance }),
  );
  return { key, group, instance, volume, address };
}

/** A root_block_device and an ebs_block_device. */
const disks: ec2.BlockDeviceMapping[] = [
  { DeviceName: "/dev/vda", Ebs: { VolumeType: "gp3" } },
  { DeviceName: "/dev/sdf", Ebs: { VolumeType: "st1", VolumeSize: 1 } },
];

/** The provider takes the rule away that every new group has, over IPv6 too, where there never was one. */
async function createGroup({ ports }: Config): Promise<string> {
  const { Vpcs: [vpc] = [] } = await client.send(
    new ec2.DescribeVpcsCommand({ Filters: [{ Name: "is-default", Values: ["true"] }] }),
  );
  const { GroupId = "" } = await client.send(
    new ec2.CreateSecurityGroupCommand({
      ...{ GroupName: "terraform-web", Description: "Managed by Terraform", VpcId: vpc?.VpcId },
    }),
  );
  await client.send(new ec2.DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }));
  await client.send(
    new ec2.RevokeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    }),
  );
  await client
    .send(
      new ec2.RevokeSecurityGroupEgressCommand({
        GroupId,
        IpPermissions: [{ IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "::/0" }] }],
      }),
    )
    .catch((error: Error) => assert.equal(error.name, "InvalidPermission.NotFound"));
  for (const port of ports) await allow(GroupId, port);
  await client.send(
    new ec2.AuthorizeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
    }),
  );
  await describeTwice(GroupId);
  return GroupId;
}

/** Of what is said twice in one request the last counts. */
async function describeTwice(GroupId: string): Promise<void> {
  const { SecurityGroupRules = [] } = await client.send(
    new ec2.DescribeSecurityGroupRulesCommand({
      Filters: [{ Name: "group-id", Values: [GroupId] }],
    }),
  );
  const rule = SecurityGroupRules.find(({ IsEgress }) => !IsEgress);
  const as = (Description: string) => ({
    ...{ SecurityGroupRuleId: rule?.SecurityGroupRuleId, Description },
  });
  await client.send(
    new ec2.UpdateSecurityGroupRuleDescriptionsIngressCommand({
      ...{ GroupId, SecurityGroupRuleDescriptions: [as("once"), as(`port ${rule?.FromPort}`)] },
    }),
  );
}

const permission = (port: number): ec2.IpPermission => ({
  ...{ IpProtocol: "tcp", FromPort: port, ToPort: port },
  IpRanges: [{ CidrIp: "0.0.0.0/0", Description: `port ${port}` }],
});
const allow = (GroupId: string, port: number) =>
  client.send(
    new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [permission(port)] }),
  );

const tagged = (ResourceType: ec2.ResourceType, { tags }: Config): ec2.TagSpecification[] => [
  { ResourceType, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) },
];

async function runOne(
  config: Config,
  more: Partial<ec2.RunInstancesCommandInput> = {},
): Promise<string> {
  const { Instances: [instance] = [] } = await client.send(
    new ec2.RunInstancesCommand({
      ...{ ImageId: await imageNamed(platform, "tiny"), InstanceType: config.type as never }, // Of ours.
      ...{ MinCount: 1, MaxCount: 1, ClientToken: `terraform-${process.hrtime.bigint()}` },
      ...{ DisableApiTermination: config.isProtected, EbsOptimized: false },
      ...{ UserData: Buffer.from(config.userData).toString("base64") },
      ...{ TagSpecifications: tagged("instance", config), ...more },
    }),
  );
  const id = instance?.InstanceId ?? "";
  await inState(id, "running");
  return id;
}

async function instanceOf(id: string): Promise<ec2.Instance | undefined> {
  const { Reservations } = await client.send(
    new ec2.DescribeInstancesCommand({ InstanceIds: [id] }),
  );
  return Reservations?.[0]?.Instances?.[0];
}
const inState = (id: string, name: string) =>
  until(`${id} is ${name}`, async () => (await instanceOf(id))?.State?.Name === name);

async function volumeOf(id: string): Promise<ec2.Volume | undefined> {
  const { Volumes } = await client.send(new ec2.DescribeVolumesCommand({ VolumeIds: [id] }));
  return Volumes?.[0];
}
const attached = (instance: string, volume: string) =>
  until("the volume is attached", async () => {
    const { Volumes } = await client.send(
      new ec2.DescribeVolumesCommand({
        VolumeIds: [volume],
        Filters: [
          { Name: "attachment.device", Values: ["/dev/sdh"] },
          { Name: "attachment.instance-id", Values: [instance] },
        ],
      }),
    );
    return Volumes?.[0]?.Attachments?.[0]?.State === "attached";
  });

/** All that a refresh asks. What it checks besides the configuration has no other value than this. */
async function read({
  key,
  group,
  instance: id,
  volume: volumeId,
  address,
}: Made): Promise<Config> {
  const instance = await instanceOf(id);
  const type = instance?.InstanceType ?? "";
  const { InstanceTypes: [info] = [] } = await client.send(
    new ec2.DescribeInstanceTypesCommand({ InstanceTypes: [type as never] }), // Of ours.
  );
  assert.notEqual(info?.BurstablePerformanceSupported, true, "or it would ask for credits");
  const { Tags: templates = [] } = await client.send(
    new ec2.DescribeTagsCommand({
      Filters: [
        { Name: "resource-id", Values: [id] },
        { Name: "key", Values: ["aws:ec2launchtemplate:id"] },
      ],
    }),
  );
  assert.deepEqual(templates, []);
  const { Vpcs = [] } = await client.send(
    new ec2.DescribeVpcsCommand({ VpcIds: [instance?.VpcId ?? ""] }),
  );
  assert.equal(Vpcs.length, 1);
  assert.equal(instance?.RootDeviceName, "/dev/vda");
  for (const { DeviceName, Ebs } of disks) {
    const shown: ec2.InstanceBlockDeviceMapping | undefined = instance?.BlockDeviceMappings?.find(
      (one) => one.DeviceName === DeviceName,
    );
    const disk = await volumeOf(shown?.Ebs?.VolumeId ?? "");
    assert.deepEqual(
      [disk?.Encrypted, disk?.VolumeType, shown?.Ebs?.DeleteOnTermination],
      [false, Ebs?.VolumeType, true],
      DeviceName,
    );
  }
  const attribute = (Attribute: ec2.InstanceAttributeName) =>
    client.send(new ec2.DescribeInstanceAttributeCommand({ InstanceId: id, Attribute }));
  const shutdown = await attribute("instanceInitiatedShutdownBehavior");
  assert.equal(shutdown.InstanceInitiatedShutdownBehavior?.Value, "stop");
  assert.equal((await attribute("disableApiStop")).DisableApiStop?.Value, false);
  const protection = await attribute("disableApiTermination");
  const data = await attribute("userData");
  assert.deepEqual(
    [instance?.KeyName, instance?.SecurityGroups?.map(({ GroupId }) => GroupId)],
    [key, [group]],
  );
  assert.equal(instance?.Placement?.AvailabilityZone, "default");

  const { KeyPairs: [pair] = [] } = await client.send(
    new ec2.DescribeKeyPairsCommand({ KeyNames: [key] }),
  );
  assert.deepEqual(pair?.Tags, [{ Key: "made", Value: "here" }]);
  const { Addresses: [elastic] = [] } = await client.send(
    new ec2.DescribeAddressesCommand({ AllocationIds: [address] }),
  );
  assert.deepEqual([elastic?.Domain, elastic?.InstanceId], ["vpc", id]);
  assert.equal(instance?.PublicIpAddress, elastic?.PublicIp);
  await client.send(
    new ec2.DescribeAddressesAttributeCommand({
      ...{ AllocationIds: [address], Attribute: "domain-name" },
    }),
  );
  await attached(id, volumeId);
  const volume = await volumeOf(volumeId);
  assert.deepEqual(
    [volume?.VolumeType, volume?.Iops, volume?.SnapshotId, volume?.MultiAttachEnabled],
    ["gp3", 3_000, "", false],
  );
  const { SecurityGroups: [rules] = [] } = await client.send(
    new ec2.DescribeSecurityGroupsCommand({ GroupIds: [group] }),
  );
  assert.equal(rules?.Description, "Managed by Terraform");
  assert.deepEqual(
    rules?.IpPermissionsEgress?.map(({ IpProtocol, IpRanges }) => [IpProtocol, IpRanges]),
    [["-1", [{ CidrIp: "0.0.0.0/0" }]]],
  );
  const ports = (rules?.IpPermissions ?? []).map(({ FromPort = 0, IpRanges }) => {
    assert.deepEqual(IpRanges, permission(FromPort).IpRanges);
    return FromPort;
  });
  const tagsOf = (tags: readonly ec2.Tag[] | undefined) =>
    Object.fromEntries((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
  assert.deepEqual(tagsOf(volume?.Tags), tagsOf(instance?.Tags));
  return {
    ...{ type, tags: tagsOf(instance?.Tags), ports: ports.sort((a, b) => a - b) },
    sizeGiB: volume?.Size ?? 0,
    userData: Buffer.from(data.UserData?.Value ?? "", "base64").toString(),
    isProtected: protection.DisableApiTermination?.Value ?? false,
  };
}

/** In place, as the provider does where it can. */
async function change({ group, instance, volume }: Made, from: Config, to: Config): Promise<void> {
  const gone = Object.keys(from.tags).filter((key) => !(key in to.tags));
  const Resources = [instance, volume];
  await client.send(new ec2.DeleteTagsCommand({ Resources, Tags: gone.map((Key) => ({ Key })) }));
  const Tags = Object.entries(to.tags).map(([Key, Value]) => ({ Key, Value }));
  await client.send(new ec2.CreateTagsCommand({ Resources, Tags }));
  const IpPermissions = from.ports.filter((port) => !to.ports.includes(port)).map(permission);
  await client.send(new ec2.RevokeSecurityGroupIngressCommand({ GroupId: group, IpPermissions }));
  for (const port of to.ports.filter((one) => !from.ports.includes(one))) await allow(group, port);
  await client.send(new ec2.ModifyVolumeCommand({ VolumeId: volume, Size: to.sizeGiB }));
  await until("the volume has grown", async () => {
    const { VolumesModifications: [one] = [] } = await client.send(
      new ec2.DescribeVolumesModificationsCommand({ VolumeIds: [volume] }),
    );
    return one?.ModificationState === "completed";
  });
  await client.send(new ec2.StopInstancesCommand({ InstanceIds: [instance] }));
  await inState(instance, "stopped");
  await client.send(
    new ec2.ModifyInstanceAttributeCommand({
      ...{ InstanceId: instance, InstanceType: { Value: to.type } },
    }),
  );
  await client.send(new ec2.StartInstancesCommand({ InstanceIds: [instance] }));
  await inState(instance, "running");
}

async function end(id: string): Promise<void> {
  await client.send(
    new ec2.ModifyInstanceAttributeCommand({
      ...{ InstanceId: id, DisableApiTermination: { Value: false } },
    }),
  );
  await client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [id] }));
  await inState(id, "terminated");
}

async function destroy({ key, group, instance, volume, address }: Made): Promise<void> {
  const { Addresses: [elastic] = [] } = await client.send(
    new ec2.DescribeAddressesCommand({ AllocationIds: [address] }),
  );
  await client.send(new ec2.DisassociateAddressCommand({ AssociationId: elastic?.AssociationId }));
  await client.send(new ec2.ReleaseAddressCommand({ AllocationId: address }));
  await assert.rejects(
    client.send(new ec2.DescribeAddressesCommand({ AllocationIds: [address] })),
    { name: "InvalidAllocationID.NotFound" },
  );
  await client.send(new ec2.DetachVolumeCommand({ VolumeId: volume, InstanceId: instance }));
  await until("the volume is free", async () => (await volumeOf(volume))?.State === "available");
  await client.send(new ec2.DeleteVolumeCommand({ VolumeId: volume }));
  await until("the volume is gone", () =>
    volumeOf(volume).then(
      () => false,
      (error: Error) => error.name === "InvalidVolume.NotFound",
    ),
  );
  await end(instance);
  await client.send(new ec2.DeleteSecurityGroupCommand({ GroupId: group }));
  await assert.rejects(client.send(new ec2.DescribeSecurityGroupsCommand({ GroupIds: [group] })), {
    name: "InvalidGroup.NotFound",
  });
  await client.send(new ec2.DeleteKeyPairCommand({ KeyName: key }));
  await assert.rejects(client.send(new ec2.DescribeKeyPairsCommand({ KeyNames: [key] })), {
    name: "InvalidKeyPair.NotFound",
  });
}
