/** Requests that change nothing: one that comes again with its token, and one that only asks whether it would succeed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedPlatform } from "../platform.ts";
import { ask, type Reply } from "./signed.ts";

const platform = await sharedPlatform({ hosts: 1 });

const call = (action: string, fields: Readonly<Record<string, string>> = {}): Promise<Reply> =>
  ask(platform, action, Object.entries(fields));
async function done(action: string, fields: Readonly<Record<string, string>> = {}) {
  const reply = await call(action, fields);
  assert.equal(reply.status, 200, `${action}: ${reply.text}`);
  return reply.text;
}
const first = (text: string, name: string) =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";
const image = async () => first(await done("DescribeImages"), "imageId");
const tagged = (kind: string, key: string, value: string) => ({
  "TagSpecification.1.ResourceType": kind,
  "TagSpecification.1.Tag.1.Key": key,
  "TagSpecification.1.Tag.1.Value": value,
});

test("RunInstances that comes again answers with what it made, and takes nothing back that was said since", async () => {
  const asked = {
    ...{ ImageId: await image(), InstanceType: "tiny", MinCount: "1", MaxCount: "1" },
    ...{
      ClientToken: "the-token",
      "Monitoring.Enabled": "false",
      ...tagged("instance", "is", "new"),
    },
  };
  const id = first(await done("RunInstances", asked), "instanceId");
  await done("MonitorInstances", { "InstanceId.1": id });
  await done("CreateTags", { "ResourceId.1": id, "Tag.1.Key": "is", "Tag.1.Value": "old" });
  const again = await done("RunInstances", asked);
  assert.equal(first(again, "instanceId"), id);
  for (const text of [again, await done("DescribeInstances", { "InstanceId.1": id })])
    assert.match(text, /<key>is<\/key><value>old<\/value>/);
  await done("DeleteTags", { "ResourceId.1": id, "Tag.1.Key": "is" });
  await done("RunInstances", asked);
  const now = await done("DescribeInstances", { "InstanceId.1": id });
  assert.doesNotMatch(now, /<key>is<\/key>/);
  assert.match(now, /<monitoring><state>enabled</);
  await done("TerminateInstances", { "InstanceId.1": id });
});

test("and so does CreateVolume", async () => {
  const asked = {
    ...{ AvailabilityZone: "default", Size: "1", ClientToken: "the-other-token" },
    ...tagged("volume", "is", "new"),
  };
  const id = first(await done("CreateVolume", asked), "volumeId");
  await done("DeleteTags", { "ResourceId.1": id, "Tag.1.Key": "is" });
  const again = await done("CreateVolume", asked);
  assert.equal(first(again, "volumeId"), id);
  assert.doesNotMatch(again, /<key>/);
  await done("DeleteVolume", { VolumeId: id });
});

test("a key whose maker was killed before it was noted is found again by its name", async () => {
  const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh";
  const asked = { KeyName: "my key", PublicKeyMaterial: Buffer.from(line).toString("base64") };
  const forget = () =>
    platform.database.query("delete from ec2_note where detail ->> 'display' = 'my key'");
  const id = first(await done("ImportKeyPair", asked), "keyPairId");
  assert.equal((await call("ImportKeyPair", asked)).code, "InvalidKeyPair.Duplicate");
  await forget();
  const other = Buffer.from(line.replace("c9Uh", "c9Ui")).toString("base64");
  const another = { ...asked, PublicKeyMaterial: other };
  assert.equal((await call("ImportKeyPair", another)).code, "InvalidKeyPair.Duplicate");
  assert.equal(first(await done("ImportKeyPair", asked), "keyPairId"), id);
  assert.match(await done("DescribeKeyPairs"), /<keyName>my key</);
  await forget();
  await done("DeleteKeyPair", { KeyName: "my key" });
  assert.doesNotMatch(await done("DescribeKeyPairs"), /<keyName>/);
});

test("a dry run is refused as the request would be, and changes nothing", async () => {
  const dry = async (action: string, fields: Readonly<Record<string, string>>) => {
    const code = (await call(action, { ...fields, DryRun: "true" })).code;
    if (code !== "DryRunOperation")
      assert.equal(code, (await call(action, fields)).code, "the same as without it");
    return code;
  };
  await done("DescribeSecurityGroups"); // What every project has from the beginning.
  const some = { MinCount: "1", MaxCount: "1" };
  const run = { ...some, ImageId: await image(), InstanceType: "tiny" };
  const nothing = "0123456789abcdef0";
  assert.equal(await dry("RunInstances", run), "DryRunOperation");
  assert.equal(
    await dry("RunInstances", { ...run, ImageId: `ami-${nothing}` }),
    "InvalidAMIID.NotFound",
  );
  assert.equal(
    await dry("RunInstances", { ...run, "SecurityGroupId.1": `sg-${nothing}` }),
    "InvalidGroup.NotFound",
  );
  assert.equal(
    await dry("TerminateInstances", { "InstanceId.1": `i-${nothing}` }),
    "InvalidInstanceID.NotFound",
  );
  assert.equal(await dry("CreateKeyPair", { KeyName: " " }), "InvalidParameterValue");
  assert.equal(await dry("CreateKeyPair", { KeyName: "me" }), "DryRunOperation");
  assert.equal(
    await dry("CreateVolume", { AvailabilityZone: "nowhere", Size: "1" }),
    "InvalidParameterValue",
  );
  assert.equal(
    await dry("CreateVolume", { AvailabilityZone: "default", Size: "1" }),
    "DryRunOperation",
  );
  const tag = { "Tag.1.Key": "a", "Tag.1.Value": "b" };
  assert.equal(
    await dry("CreateTags", { "ResourceId.1": `i-${nothing}`, ...tag }),
    "InvalidInstanceID.NotFound",
  );
  const id = first(await done("RunInstances", run), "instanceId");
  for (const action of ["MonitorInstances", "StopInstances", "TerminateInstances"])
    assert.equal(await dry(action, { "InstanceId.1": id }), "DryRunOperation");
  assert.equal(await dry("CreateTags", { "ResourceId.1": id, ...tag }), "DryRunOperation");
  assert.equal(await dry("DescribeInstances", { "InstanceId.1": id }), "DryRunOperation");
  const now = await done("DescribeInstances", { "InstanceId.1": id });
  assert.match(now, /<monitoring><state>disabled</);
  assert.doesNotMatch(now, /<key>a<\/key>/);
  assert.match(first(now, "name"), /^(pending|running)$/);
  for (const list of ["DescribeVolumes", "DescribeKeyPairs"])
    assert.doesNotMatch(await done(list), /<status>available|<keyName>me/);
  await done("TerminateInstances", { "InstanceId.1": id });
});
