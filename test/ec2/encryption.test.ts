/** boto3 against simulated hosts: what is asked for encrypted, what is by default, and what all words say of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedPlatform } from "../platform.ts";
import { boto3, python } from "./clients.ts";

const platform = await sharedPlatform({ hosts: 2 });

const prelude = `${boto3}first = ec2.describe_images(ImageIds=[image])["Images"][0]["RootDeviceName"]
def run(image=image, **more):
    made = ec2.run_instances(ImageId=image, InstanceType="tiny", MinCount=1, MaxCount=1, **more)
    instance = made["Instances"][0]["InstanceId"]
    wait("instance_running", InstanceIds=[instance])
    return instance
def disks(instance):
    found = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"]
    return {v["Attachments"][0]["Device"]: v for v in found}
def volume(**more):
    made = ec2.create_volume(AvailabilityZone="default", **more)
    wait("volume_available", VolumeIds=[made["VolumeId"]])
    return made
`;

test("a volume that is asked for encrypted is, and so are its snapshot, that one's copy, and their volumes", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `${prelude}
instance = run(BlockDeviceMappings=[
    {"DeviceName": first, "Ebs": {"Encrypted": True}},
    {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "Encrypted": True}},
    {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 1}}])
mine = disks(instance)
root = mine[first]["VolumeId"]
out = {"disks": [mine[device]["Encrypted"] for device in sorted(mine)]}
snapshot = ec2.create_snapshot(VolumeId=root)
out["snapshot"] = snapshot["Encrypted"]
wait("snapshot_completed", SnapshotIds=[snapshot["SnapshotId"]])
out["volume"] = volume(SnapshotId=snapshot["SnapshotId"])["Encrypted"]
golden = ec2.create_image(InstanceId=instance, Name="golden")["ImageId"]
wait("image_available", ImageIds=[golden])
view = ec2.describe_images(ImageIds=[golden])["Images"][0]
out["image"] = view["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
child = run(golden)
out["child"] = [each["Encrypted"] for each in disks(child).values()]
plain = disks(instance)["/dev/sdg"]["VolumeId"]
bare = ec2.create_snapshot(VolumeId=plain)["SnapshotId"]
wait("snapshot_completed", SnapshotIds=[bare])
copy = ec2.copy_snapshot(SourceSnapshotId=bare, SourceRegion="holdfast-1", Encrypted=True)["SnapshotId"]
wait("snapshot_completed", SnapshotIds=[copy])
shown = {s["SnapshotId"]: s["Encrypted"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
out["copies"] = [shown[bare], shown[copy]]
out["filter"] = [s["SnapshotId"] == bare for s in ec2.describe_snapshots(Filters=[{"Name": "encrypted", "Values": ["false"]}])["Snapshots"]]
locked = ec2.copy_image(Name="locked", SourceImageId=image, SourceRegion="holdfast-1", Encrypted=True)["ImageId"]
found = ec2.describe_images(Filters=[{"Name": "block-device-mapping.encrypted", "Values": ["true"]}])["Images"]
out["images"] = sorted(each["Name"] for each in found)
out["locked"] = [each["Encrypted"] for each in disks(run(locked)).values()]
out["kms"] = code(ec2.create_volume, AvailabilityZone="default", Size=1, Encrypted=True, KmsKeyId="alias/mine")
print(json.dumps(out))`,
  );
  assert.deepEqual(told, {
    disks: [true, false, true],
    snapshot: true,
    volume: true,
    image: true,
    child: [true],
    copies: [false, true],
    filter: [true],
    images: ["golden", "locked"],
    locked: [true],
    kms: "UnsupportedOperation",
  });
});

test("by default everything new is encrypted, until that is taken back", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `${prelude}
out = {"first": ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]}
out["on"] = ec2.enable_ebs_encryption_by_default()["EbsEncryptionByDefault"]
out["still"] = ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
out["volume"] = volume(Size=1)["Encrypted"]
instance = run(BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}])
out["disks"] = [each["Encrypted"] for each in disks(instance).values()]
copy = ec2.copy_image(Name="kept", SourceImageId=image, SourceRegion=ec2.meta.region_name)["ImageId"]
out["image"] = ec2.describe_images(ImageIds=[copy])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"]
out["off"] = ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"]
out["after"] = volume(Size=1, ClientToken="one")["Encrypted"]
out["again"] = code(ec2.create_volume, AvailabilityZone="default", Size=1, ClientToken="one", Encrypted=True)
print(json.dumps(out))`,
  );
  assert.deepEqual(told, {
    ...{ first: false, on: true, still: true, volume: true, disks: [true, true] },
    ...{ image: true, off: false, after: false, again: "IdempotentParameterMismatch" },
  });
});
