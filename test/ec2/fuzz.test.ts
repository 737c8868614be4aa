/**
 * Every action with what no client sends, made from the same table as the door: whatever comes, the answer is
 * well-formed, in EC2's words, and never a fault of ours.
 *
 * HOLDFAST_FUZZ=n asks n times as often; a failure names its seed, which asks the same again.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { actionNames } from "@holdfast/cloud/ec2";
import { type Random, seeded } from "@holdfast/kernel/random";
import { isScalar, type Member, structureOf } from "../../cloud/ec2/core/model.ts";
import { operations } from "../../cloud/ec2/core/operations.ts";
import { sharedPlatform, until } from "../platform.ts";
import { ask, type Reply, xmlFault } from "./signed.ts";

let known: Readonly<Record<string, string>> = {};
const platform = await sharedPlatform({ hosts: 1 });
before(async () => {
  await platform.call("POST", "/v1/public-ranges", { cidr: "198.51.100.0/28" });
  known = await someThings();
});

const rounds = 4 * Number(process.env.HOLDFAST_FUZZ ?? 1);
const words = [
  ...[
    "",
    " ",
    "*",
    "?",
    "\\",
    "0",
    "-1",
    "1",
    "true",
    "False",
    "null",
    "NaN",
    "1e9",
    "99999999999999999999",
  ],
  ...[
    "i-",
    "i-0",
    "vol-00000000000000000",
    "i-zzzzzzzzzzzzzzzzz",
    "../../etc/passwd",
    "'; drop table tag; --",
  ],
  ...[
    "<a>&\"'",
    "]]>",
    "\u{1F980}",
    "\u202e",
    "x".repeat(5_000),
    "2027-01-02T03:04:05Z",
    "2027-13-45",
    "self",
  ],
  ...[
    "default",
    "tiny",
    "gp2",
    "0.0.0.0/0",
    "::/0",
    "300.1.1.1/99",
    "tcp",
    "-1",
    "amazon",
    "eyJhIjoxfQ",
  ],
];

test("every action that only looks answers a plain question", async () => {
  for (const action of actionNames.filter((name) => /^(Describe|Get)/.test(name))) {
    const required = structureOf(operations[action][0]).members.filter((one) => one.isRequired);
    const fields = required.map(({ name, query, item }): [string, string] => [
      item === undefined ? query : `${query}.1`,
      known[name] ?? known[`${action}.${name}`] ?? "",
    ]);
    const reply = await ask(platform, action, fields);
    check(reply, action);
    const isRefused = /^(InvalidInstanceID.NotSupported|InvalidParameterValue)$/.test(
      reply.code ?? "",
    );
    assert.ok(reply.status === 200 || isRefused, `${action}: ${reply.text}`);
  }
});

test("every action answers whatever it is asked", async () => {
  const statuses = new Map<number, number>();
  for (let round = 0; round < rounds; round++)
    for (const [at, action] of actionNames.entries()) {
      const seed = round * 1_000 + at;
      const random = seeded(seed);
      const fields = fieldsOf(operations[action][0], random).slice(0, 200);
      const reply = await ask(platform, action, fields);
      check(reply, `${action}, seed ${seed}: ${JSON.stringify(fields).slice(0, 2_000)}`);
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
    }
  assert.ok((statuses.get(200) ?? 0) > rounds * 5, JSON.stringify([...statuses]));
  assert.ok((statuses.get(400) ?? 0) > rounds * 20, JSON.stringify([...statuses]));
});

function check({ status, text, code }: Reply, about: string): void {
  assert.equal(xmlFault(text), undefined, `${about}\n${text.slice(0, 500)}`);
  assert.ok(
    status === 200 || (status >= 400 && status < 500) || code === "RequestLimitExceeded",
    `${about}\n${text}`,
  );
  assert.equal(status === 200, code === undefined, about);
}

function fieldsOf(name: string, random: Random): (readonly [string, string])[] {
  const fields: [string, string][] = [];
  add(name, "", 0);
  return fields;

  function add(structure: string, prefix: string, depth: number): void {
    if (depth > 5) return;
    for (const member of structureOf(structure).members) {
      if (!member.isRequired && random.below(100) >= (depth === 0 ? 35 : 50)) continue;
      if (member.name === "DryRun" && random.below(10) > 0) continue;
      const path = `${prefix}${bentName(member, random)}`;
      const count = member.item === undefined ? 0 : 1 + random.below(3);
      const paths =
        count === 0
          ? [path]
          : random.below(10) === 0
            ? [path]
            : Array.from({ length: count }, (_, at) => `${path}.${at + random.below(2)}`);
      for (const one of new Set(paths))
        if (isScalar(member.type)) fields.push([one, wordFor(member, random)]);
        else add(member.type, `${one}.`, depth + 1);
    }
  }
}

/** Nearly always as it should be. */
const bentName = ({ query }: Member, random: Random) =>
  random.below(60) === 0
    ? random.pick([`${query}s`, query.toLowerCase(), `${query}..x`, "__proto__"])
    : query;

function wordFor({ name, type }: Member, random: Random): string {
  const right = known[name] ?? known[name.replace(/s$/, "")];
  if (right !== undefined && random.below(100) < 60) return right;
  if (random.below(100) < 60) {
    if (type === "b") return random.pick(["true", "false"]);
    if (type === "i") return `${random.below(8)}`;
    if (type === "t") return "2027-01-02T03:04:05Z";
  }
  return words[random.below(words.length)] ?? "";
}

/** Ids and words that mean something, by the names of members. */
async function someThings(): Promise<Readonly<Record<string, string>>> {
  const id = async (
    action: string,
    name: string,
    fields: readonly (readonly [string, string])[] = [],
  ) => {
    const { text } = await ask(platform, action, fields);
    return new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1] ?? `no ${name} in ${text}`;
  };
  const image = await id("DescribeImages", "imageId");
  const run = [
    ["ImageId", image],
    ["InstanceType", "tiny"],
    ["MinCount", "1"],
    ["MaxCount", "1"],
  ] as const;
  const instance = await id("RunInstances", "instanceId", run);
  const group = await id("CreateSecurityGroup", "groupId", [
    ["GroupName", "fuzz"],
    ["GroupDescription", "x"],
  ]);
  const volume = await id("CreateVolume", "volumeId", [
    ["AvailabilityZone", "default"],
    ["Size", "1"],
  ]);
  let snapshot = "";
  await until("a volume that is there has a snapshot", async () => {
    const root = await id("DescribeVolumes", "volumeId", [
      ["Filter.1.Name", "attachment.instance-id"],
      ["Filter.1.Value.1", instance],
    ]);
    snapshot = await id("CreateSnapshot", "snapshotId", [["VolumeId", root]]);
    return snapshot.startsWith("snap-");
  });
  const allocation = await id("AllocateAddress", "allocationId");
  const key = await id("CreateKeyPair", "keyName", [["KeyName", "fuzz"]]);
  const vpc = await id("DescribeVpcs", "vpcId");
  const subnet = await id("DescribeSubnets", "subnetId");
  const card = await id("DescribeNetworkInterfaces", "networkInterfaceId");
  return {
    ...{
      ImageId: image,
      InstanceId: instance,
      GroupId: group,
      VolumeId: volume,
      AllocationId: allocation,
    },
    ...{
      KeyName: key,
      VpcId: vpc,
      SubnetId: subnet,
      NetworkInterfaceId: card,
      SecurityGroupId: group,
    },
    ...{
      InstanceType: "tiny",
      AvailabilityZone: "default",
      ZoneName: "default",
      ResourceId: instance,
      Resource: instance,
    },
    ...{ MinCount: "1", MaxCount: "2", Size: "1", Device: "/dev/sdf", MaxResults: "5" },
    ...{ IpProtocol: "tcp", FromPort: "1", ToPort: "9", CidrIp: "10.0.0.0/8", GroupName: "fuzz" },
    "DescribeInstanceAttribute.Attribute": "groupSet",
    "DescribeImageAttribute.Attribute": "description",
    "DescribeVolumeAttribute.Attribute": "autoEnableIO",
    "DescribeVpcAttribute.Attribute": "enableDnsSupport",
    "DescribeNetworkInterfaceAttribute.Attribute": "groupSet",
    "DescribeSnapshotAttribute.Attribute": "createVolumePermission",
    ...{ SnapshotId: snapshot, SourceSnapshotId: snapshot },
    ...{ SourceImageId: image, SourceRegion: "holdfast-1" },
  };
}
