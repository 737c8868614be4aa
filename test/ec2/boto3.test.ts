/** boto3 against simulated hosts: volumes, snapshots, addresses, security groups and images, with its waiters. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { sharedPlatform } from "../platform.ts";
import { boto3, python } from "./clients.ts";

const platform = await sharedPlatform({ hosts: 2 });
before(async () => {
  await platform.call("POST", "/v1/public-ranges", { cidr: "198.51.100.0/29" });
});

const prelude = `${boto3}import sys, base64
def run(**more):
    made = ec2.run_instances(ImageId=image, InstanceType="tiny", MinCount=1, MaxCount=1, **more)
    return made["Instances"][0]
`;

test("a volume is made, attached under the name that was asked for, changed, taken away and deleted", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `${prelude}
instance = run()["InstanceId"]
wait("instance_running", InstanceIds=[instance])
asked = dict(AvailabilityZone="default", Size=2, VolumeType="gp3", ClientToken="token-of-the-volume",
    TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "data"}]}])
first = ec2.create_volume(**asked)
again = ec2.create_volume(**asked)
volume = first["VolumeId"]
out = {"same": volume == again["VolumeId"], "first": [first["Size"], first["VolumeType"], first["AvailabilityZone"]]}
out["mismatch"] = code(ec2.create_volume, **{**asked, "Size": 3})
wait("volume_available", VolumeIds=[volume])
ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
wait("volume_in_use", VolumeIds=[volume])
out["twice"] = code(ec2.attach_volume, VolumeId=volume, InstanceId=instance, Device="/dev/sdg")
found = ec2.describe_volumes(Filters=[{"Name": "attachment.device", "Values": ["/dev/sdf"]}, {"Name": "tag:Name", "Values": ["data"]}])["Volumes"]
out["found"] = [[a["InstanceId"] == instance, a["DeleteOnTermination"]] for v in found for a in v["Attachments"]]
out["delete"] = code(ec2.delete_volume, VolumeId=volume)
out["modified"] = ec2.modify_volume(VolumeId=volume, Size=4)["VolumeModification"]["TargetSize"]
out["modifications"] = ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]["OriginalSize"]
out["status"] = ec2.describe_volume_status(VolumeIds=[volume])["VolumeStatuses"][0]["VolumeStatus"]["Status"]
ec2.detach_volume(VolumeId=volume)
wait("volume_available", VolumeIds=[volume])
ec2.delete_volume(VolumeId=volume)
wait("volume_deleted", VolumeIds=[volume])
out["gone"] = code(ec2.describe_volumes, VolumeIds=[volume])
ec2.terminate_instances(InstanceIds=[instance])
wait("instance_terminated", InstanceIds=[instance])
print(json.dumps(out))
`,
  );
  assert.deepEqual(told, {
    same: true,
    first: [2, "gp3", "default"],
    mismatch: "IdempotentParameterMismatch",
    twice: "VolumeInUse",
    found: [[true, false]],
    delete: "VolumeInUse",
    modified: 4,
    modifications: 2,
    status: "ok",
    gone: "InvalidVolume.NotFound",
  });
});

test("security groups say what they are told, and a client token runs one instance", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `${prelude}
vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
group = ec2.create_security_group(GroupName="packer_Web 1", Description="of a test", VpcId=vpc)["GroupId"]
out = {"duplicate": code(ec2.create_security_group, GroupName="packer_Web 1", Description="again")}
rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.7/8", "Description": "ssh"}]}
made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule, {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}])
out["rules"] = sorted([r.get("CidrIpv4", r.get("ReferencedGroupInfo", {}).get("GroupId") == group), r["IpProtocol"], r.get("Description", "")] for r in made["SecurityGroupRules"] if "CidrIpv4" in r)
out["again"] = code(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[rule])
out["six"] = code(ec2.revoke_security_group_egress, GroupId=group, IpPermissions=[{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
ec2.authorize_security_group_ingress(GroupName="packer_Web 1", IpProtocol="udp", FromPort=53, ToPort=53, CidrIp="0.0.0.0/0")
shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
out["shown"] = [shown["GroupName"], shown["VpcId"] == vpc, len(shown["IpPermissions"]), len(shown["IpPermissionsEgress"])]
first = run(SecurityGroupIds=[group], ClientToken="one", DisableApiTermination=True)
again = run(SecurityGroupIds=[group], ClientToken="one", DisableApiTermination=True)
out["token"] = [first["InstanceId"] == again["InstanceId"], code(run, ClientToken="one")]
instance = first["InstanceId"]
out["in"] = [g["GroupName"] for g in first["SecurityGroups"]]
wait("instance_running", InstanceIds=[instance])
out["busy"] = code(ec2.delete_security_group, GroupId=group)
out["protected"] = code(ec2.terminate_instances, InstanceIds=[instance])
ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
ec2.terminate_instances(InstanceIds=[instance])
wait("instance_terminated", InstanceIds=[instance])
ec2.delete_security_group(GroupId=group)
out["gone"] = code(ec2.describe_security_groups, GroupIds=[group])
out["default"] = code(ec2.delete_security_group, GroupName="default")
print(json.dumps(out))
`,
  );
  assert.deepEqual(told, {
    duplicate: "InvalidGroup.Duplicate",
    rules: [["10.0.0.0/8", "tcp", "ssh"]],
    again: "InvalidPermission.Duplicate",
    six: "InvalidPermission.NotFound",
    shown: ["packer_Web 1", true, 3, 0],
    token: [true, "IdempotentParameterMismatch"],
    in: ["packer_Web 1"],
    busy: "DependencyViolation",
    protected: "OperationNotPermitted",
    gone: "InvalidGroup.NotFound",
    default: "CannotDelete",
  });
});

test("addresses are given, moved and taken back; an image and snapshots are made; keys come and go", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `${prelude}
instance = run(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "source"}]}])["InstanceId"]
wait("instance_running", InstanceIds=[instance])
address = ec2.allocate_address(Domain="standard")
allocation = address["AllocationId"]
out = {"domain": address["Domain"]}
association = ec2.associate_address(AllocationId=allocation, InstanceId=instance)["AssociationId"]
out["public"] = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["PublicIpAddress"] == address["PublicIp"]
out["used"] = code(ec2.release_address, AllocationId=allocation)
ec2.disassociate_address(AssociationId=association)
out["stale"] = code(ec2.disassociate_address, AssociationId=association)
ec2.release_address(AllocationId=allocation)
out["released"] = code(ec2.describe_addresses, AllocationIds=[allocation])
pair = ec2.create_key_pair(KeyName="me")
out["key"] = [pair["KeyMaterial"].startswith("-----BEGIN RSA PRIVATE KEY-----"), code(ec2.create_key_pair, KeyName="me")]
out["ed25519"] = ec2.create_key_pair(KeyName="other", KeyType="ed25519")["KeyMaterial"].splitlines()[0]
out["keys"] = sorted(k["KeyName"] for k in ec2.describe_key_pairs()["KeyPairs"])
ec2.delete_key_pair(KeyName="me")
ec2.delete_key_pair(KeyName="me")
out["unknown"] = code(ec2.describe_key_pairs, KeyNames=["me"])
volume = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["Volumes"][0]["VolumeId"]
snapshot = ec2.create_snapshot(VolumeId=volume, Description="before <it>", TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": ""}]}])["SnapshotId"]
wait("snapshot_completed", SnapshotIds=[snapshot])
shown = ec2.describe_snapshots(OwnerIds=["self"], SnapshotIds=[snapshot])["Snapshots"][0]
out["snapshot"] = [shown["Description"], shown["Tags"], shown["VolumeId"] == volume]
ec2.delete_snapshot(SnapshotId=snapshot)
made = ec2.create_image(InstanceId=instance, Name="Packer 17 (x)", Description="of a test")["ImageId"]
wait("image_available", ImageIds=[made])
own = ec2.describe_images(Owners=["self"])["Images"]
out["image"] = [[i["Name"], i["Description"], i["State"], i["Public"]] for i in own]
out["taken"] = code(ec2.create_image, InstanceId=instance, Name="Packer 17 (x)")
ec2.create_tags(Resources=[made, instance], Tags=[{"Key": "Owner", "Value": "me"}])
out["tags"] = sorted([t["ResourceType"], t["Key"]] for t in ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Owner"]}])["Tags"])
ec2.delete_tags(Resources=[instance], Tags=[{"Key": "Owner", "Value": "other"}, {"Key": "Name"}])
out["left"] = [t["Key"] for t in ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]]
ec2.deregister_image(ImageId=made)
out["deregistered"] = code(ec2.describe_images, ImageIds=[made])
out["console"] = "Output" in ec2.get_console_output(InstanceId=instance)
status = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
out["status"] = [status["InstanceStatus"]["Status"] in ("ok", "initializing"), status["SystemStatus"]["Details"][0]["Name"]]
attribute = ec2.describe_instance_attribute(InstanceId=instance, Attribute="instanceInitiatedShutdownBehavior")
out["attribute"] = attribute["InstanceInitiatedShutdownBehavior"]["Value"]
pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
out["pages"] = sum(len(r["Instances"]) for p in pages for r in p["Reservations"]) >= 1
out["subnets"] = len(ec2.describe_subnets()["Subnets"])
out["cards"] = len(ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["NetworkInterfaces"])
print(json.dumps(out))
`,
  );
  assert.deepEqual(told, {
    domain: "vpc",
    public: true,
    used: "InvalidIPAddress.InUse",
    stale: "InvalidAssociationID.NotFound",
    released: "InvalidAllocationID.NotFound",
    key: [true, "InvalidKeyPair.Duplicate"],
    ed25519: "-----BEGIN OPENSSH PRIVATE KEY-----",
    keys: ["me", "other"],
    unknown: "InvalidKeyPair.NotFound",
    snapshot: ["before <it>", [{ Key: "a", Value: "" }], true],
    image: [["Packer 17 (x)", "of a test", "available", false]],
    taken: "InvalidAMIName.Duplicate",
    tags: [
      ["image", "Owner"],
      ["instance", "Owner"],
    ],
    left: ["Owner"],
    deregistered: "InvalidAMIID.NotFound",
    console: true,
    status: [true, "reachability"],
    attribute: "stop",
    pages: true,
    subnets: 1,
    cards: 1,
  });
});
