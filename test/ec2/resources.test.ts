/** What Terraform's provider makes besides: copies of snapshots, instances with several interfaces, monitoring, metadata. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as ec2 from "@aws-sdk/client-ec2";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform, until } from "../platform.ts";
import { clientOf, imageNamed } from "./sdk.ts";

let platform: Platform;
let client: ec2.EC2Client;
before(async () => {
  platform = await startPlatform({ hosts: 1 });
  client = clientOf(platform);
});
after(async () => {
  client.destroy();
  await platform.close();
  await stopTestServer();
});

async function run(more: Partial<ec2.RunInstancesCommandInput> = {}): Promise<ec2.Instance> {
  const { Instances: [made] = [] } = await client.send(
    new ec2.RunInstancesCommand({
      ...{ ImageId: await imageNamed(platform, "tiny"), InstanceType: "tiny" as never },
      ...{ MinCount: 1, MaxCount: 1, ...more },
    }),
  );
  const id = made?.InstanceId ?? "";
  await until("it runs", async () => (await instance(id)).State?.Name === "running");
  return instance(id);
}
async function instance(id: string): Promise<ec2.Instance> {
  const { Reservations = [] } = await client.send(
    new ec2.DescribeInstancesCommand({ InstanceIds: [id] }),
  );
  return Reservations[0]?.Instances?.[0] ?? {};
}
const completed = (id: string) =>
  until(`${id} is completed`, async () => {
    const asked = new ec2.DescribeSnapshotsCommand({ SnapshotIds: [id] });
    return (await client.send(asked)).Snapshots?.[0]?.State === "completed";
  });
const volumes = async () => {
  const { Volumes = [] } = await client.send(new ec2.DescribeVolumesCommand({}));
  return Volumes.map(({ VolumeId }) => VolumeId ?? "").sort();
};

test("a snapshot is copied, becomes a volume when the first one is gone, and leaves nothing behind", async () => {
  const { BlockDeviceMappings: [root] = [] } = await run();
  const { SnapshotId: first = "" } = await client.send(
    new ec2.CreateSnapshotCommand({ VolumeId: root?.Ebs?.VolumeId }),
  );
  await completed(first);
  const before = await volumes();
  const wanted = { SourceSnapshotId: first, SourceRegion: "holdfast-1" };
  const { SnapshotId: copy = "", Tags } = await client.send(
    new ec2.CopySnapshotCommand({
      ...wanted,
      TagSpecifications: [{ ResourceType: "snapshot", Tags: [{ Key: "Name", Value: "copy" }] }],
    }),
  );
  assert.deepEqual(Tags, [{ Key: "Name", Value: "copy" }]);
  await completed(copy);
  const { Snapshots: [view] = [] } = await client.send(
    new ec2.DescribeSnapshotsCommand({ SnapshotIds: [copy] }),
  );
  assert.equal(view?.Description, `[Copied ${first} from holdfast-1]`);
  assert.notEqual(view?.VolumeId, root?.Ebs?.VolumeId);
  await client.send(new ec2.DeleteSnapshotCommand({ SnapshotId: first }));
  await assert.rejects(
    client.send(new ec2.DeleteVolumeCommand({ VolumeId: view?.VolumeId })),
    { name: "IncorrectState" },
    "the copy lies in it",
  );
  const { VolumeId = "" } = await client.send(
    new ec2.CreateVolumeCommand({ SnapshotId: copy, AvailabilityZone: "default" }),
  );
  await until("the volume is available", async () => {
    const asked = new ec2.DescribeVolumesCommand({ VolumeIds: [VolumeId] });
    return (await client.send(asked)).Volumes?.[0]?.State === "available";
  });
  await client.send(new ec2.DeleteSnapshotCommand({ SnapshotId: copy }));
  await client.send(new ec2.DeleteVolumeCommand({ VolumeId }));
  await until("nothing is left of it", async () => (await volumes()).join() === before.join());
  await assert.rejects(
    client.send(new ec2.CopySnapshotCommand({ ...wanted, SourceRegion: "us-east-1" })),
    { name: "InvalidParameterValue" },
  );
});

test("an instance has an interface in each subnet that was asked for, and no more is promised", async () => {
  await platform.call("POST", "/v1/projects/default/networks", {
    name: "back",
    cidr: "10.9.0.0/24",
  });
  const { Subnets = [] } = await client.send(new ec2.DescribeSubnetsCommand({}));
  const back = Subnets.find(({ CidrBlock }) => CidrBlock === "10.9.0.0/24")?.SubnetId;
  const front = Subnets.find(({ SubnetId }) => SubnetId !== back)?.SubnetId;
  const { NetworkInterfaces = [], SubnetId } = await run({
    NetworkInterfaces: [
      { DeviceIndex: 1, SubnetId: back },
      { DeviceIndex: 0, SubnetId: front },
    ],
  });
  assert.equal(SubnetId, front);
  assert.deepEqual(
    NetworkInterfaces.map((card) => [card.Attachment?.DeviceIndex, card.SubnetId]),
    [
      [0, front],
      [1, back],
    ],
  );
  const refused = (second: ec2.InstanceNetworkInterfaceSpecification, name: string) =>
    assert.rejects(
      run({ NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: front }, second] }),
      { name },
      JSON.stringify(second),
    );
  await refused({ DeviceIndex: 2, SubnetId: back }, "InvalidParameterValue");
  await refused({ DeviceIndex: 1, AssociatePublicIpAddress: true }, "UnsupportedOperation");
  await refused({ DeviceIndex: 1, Groups: ["sg-00000000000000000"] }, "UnsupportedOperation");
  await refused(
    { DeviceIndex: 1, SubnetId: "subnet-00000000000000000" },
    "InvalidSubnetID.NotFound",
  );
});

test("what a disk of a new instance cannot have is refused by name, the root's too", async () => {
  const strange: readonly [ec2.EbsBlockDevice, string, RegExp][] = [
    [{ VolumeType: "gp3", Iops: 3_000 }, "UnsupportedOperation", /^Iops /],
    [{ VolumeType: "gp3", Throughput: 125 }, "UnsupportedOperation", /^Throughput /],
    [{ VolumeType: "ssd" as never }, "UnsupportedOperation", /^ssd /],
    [{ SnapshotId: "snap-00000000000000000" }, "", /snapshot/],
  ];
  for (const [Ebs, name, message] of strange)
    for (const DeviceName of ["/dev/sda1", "/dev/sdf"]) {
      const other =
        DeviceName === "/dev/sdf" ? "UnsupportedOperation" : "InvalidBlockDeviceMapping";
      await assert.rejects(
        run({ BlockDeviceMappings: [{ DeviceName, Ebs: { VolumeSize: 1, ...Ebs } }] }),
        { name: name || other, message },
        `${DeviceName} ${JSON.stringify(Ebs)}`,
      );
    }
});

test("tags for what cannot have any are refused, and nothing is made", async () => {
  const Tags = [{ Key: "team", Value: "blue" }];
  const before = (await client.send(new ec2.DescribeInstancesCommand({}))).Reservations?.length;
  await assert.rejects(
    run({ TagSpecifications: [{ ResourceType: "network-interface", Tags }] }),
    /'network-interface' is not a valid taggable resource type/,
  );
  const after = (await client.send(new ec2.DescribeInstancesCommand({}))).Reservations?.length;
  assert.equal(after, before);
});

test("a key pair has any name that EC2 takes, and its instances show it when it is gone", async () => {
  const KeyName = "My key (team/prod) & more";
  const create = (name: string) => client.send(new ec2.CreateKeyPairCommand({ KeyName: name }));
  assert.equal((await create(KeyName)).KeyName, KeyName);
  await assert.rejects(create(KeyName), { name: "InvalidKeyPair.Duplicate" });
  for (const name of [" key", "clé", "a".repeat(256), "two\nlines"])
    await assert.rejects(create(name), { name: "InvalidParameterValue" }, name);
  const named = (name: string) =>
    client.send(new ec2.DescribeKeyPairsCommand({ KeyNames: [name] }));
  assert.equal((await named(KeyName)).KeyPairs?.length, 1);
  const { InstanceId = "", KeyName: shown } = await run({ KeyName });
  assert.equal(shown, KeyName);
  await client.send(new ec2.DeleteKeyPairCommand({ KeyName }));
  await assert.rejects(named(KeyName), { name: "InvalidKeyPair.NotFound" });
  assert.equal((await instance(InstanceId)).KeyName, KeyName);
  await assert.rejects(run({ KeyName }), { name: "InvalidKeyPair.NotFound" });
});

test("who asks for detailed monitoring finds it on, and off again", async () => {
  const { InstanceId = "", Monitoring } = await run({ Monitoring: { Enabled: true } });
  assert.equal(Monitoring?.State, "enabled");
  const ids = { InstanceIds: [InstanceId] };
  const off = await client.send(new ec2.UnmonitorInstancesCommand(ids));
  assert.deepEqual(off.InstanceMonitorings, [{ InstanceId, Monitoring: { State: "disabled" } }]);
  assert.equal((await instance(InstanceId)).Monitoring?.State, "disabled");
  await client.send(new ec2.MonitorInstancesCommand(ids));
  assert.equal((await instance(InstanceId)).Monitoring?.State, "enabled");
  assert.equal((await run()).Monitoring?.State, "disabled");
});

test("an instance requires tokens of its metadata, from the start or from now on, until it does not", async () => {
  const { InstanceId = "", MetadataOptions } = await run({
    MetadataOptions: { HttpTokens: "required", HttpEndpoint: "enabled" },
  });
  assert.equal(MetadataOptions?.HttpTokens, "required");
  const modify = (asked: Partial<ec2.ModifyInstanceMetadataOptionsCommandInput>) =>
    client.send(new ec2.ModifyInstanceMetadataOptionsCommand({ InstanceId, ...asked }));
  const kept = await modify({ HttpEndpoint: "enabled" });
  assert.deepEqual(kept.InstanceMetadataOptions, MetadataOptions);
  const off = await modify({ HttpTokens: "optional" });
  assert.deepEqual(off.InstanceMetadataOptions, { ...MetadataOptions, HttpTokens: "optional" });
  assert.equal((await instance(InstanceId)).MetadataOptions?.HttpTokens, "optional");
  await modify({ HttpTokens: "required" });
  assert.equal((await instance(InstanceId)).MetadataOptions?.HttpTokens, "required");

  const none = await modify({ HttpEndpoint: "disabled", HttpPutResponseHopLimit: 64 });
  const changed = { ...MetadataOptions, HttpEndpoint: "disabled", HttpPutResponseHopLimit: 64 };
  assert.deepEqual(none.InstanceMetadataOptions, changed);
  assert.deepEqual((await instance(InstanceId)).MetadataOptions, changed);
  const far = { HttpEndpoint: "disabled", HttpPutResponseHopLimit: 2 } as const;
  const born = (await run({ MetadataOptions: far })).MetadataOptions;
  assert.deepEqual([born?.HttpEndpoint, born?.HttpPutResponseHopLimit], ["disabled", 2]);

  const strange: readonly [ec2.InstanceMetadataOptionsRequest, string][] = [
    [{ HttpEndpoint: "maybe" as never }, "InvalidParameterValue"],
    [{ HttpPutResponseHopLimit: 65 }, "InvalidParameterValue"],
    [{ HttpPutResponseHopLimit: 0 }, "InvalidParameterValue"],
    [{ HttpProtocolIpv6: "enabled" }, "UnsupportedOperation"],
    [{ InstanceMetadataTags: "enabled" }, "UnsupportedOperation"],
    [{ HttpTokens: "maybe" as never }, "InvalidParameterValue"],
  ];
  for (const [asked, code] of strange) {
    const options = { HttpTokens: "optional", ...asked } as const;
    await assert.rejects(modify(options), { name: code });
    await assert.rejects(run({ MetadataOptions: options }), { name: code });
  }
  assert.equal((await instance(InstanceId)).MetadataOptions?.HttpTokens, "required");
  assert.equal((await run()).MetadataOptions?.HttpTokens, "optional");
});
