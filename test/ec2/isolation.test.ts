/** Every action with the key of another project: what belongs to this one is as if it were not there, and stays as it is. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type ActionName, actionNames, actions } from "@holdfast/cloud/ec2";
import { isScalar, structureOf } from "../../cloud/ec2/core/model.ts";
import { operations } from "../../cloud/ec2/core/operations.ts";
import { sharedPlatform, until } from "../platform.ts";
import { ask } from "./signed.ts";

/** Keys: one of another project, and one that may only look at this one. */
let stranger = "";
let viewer = "";
let owned: Readonly<Record<string, string>> = {};
/** The stranger's own. */
let own: Readonly<Record<string, string>> = {};

const platform = await sharedPlatform({ hosts: 1 });
before(async () => {
  await platform.call("POST", "/v1/public-ranges", { cidr: "198.51.100.0/28" });
  await platform.call("POST", "/v1/projects", { name: "stranger" });
  stranger = await keyWith("stranger", "developer");
  viewer = await keyWith("default", "viewer");
  owned = await things("hidden", platform.token);
  own = await things("own", stranger);
});

async function keyWith(project: string, role: string): Promise<string> {
  const at = `/v1/projects/${project}`;
  const account = await platform.call<{ id: string }>("POST", `${at}/service-accounts`, {
    name: `bot-${role}`,
    role,
  });
  assert.ok(account.status < 300, JSON.stringify(account.body));
  const key = await platform.call<{ token: string }>(
    "POST",
    `${at}/service-accounts/${account.body.id}/keys`,
    { name: "ec2" },
  );
  assert.ok(key.status < 300, JSON.stringify(key.body));
  return key.body.token;
}

async function things(mark: string, token: string): Promise<Readonly<Record<string, string>>> {
  const id = async (
    action: string,
    name: string,
    fields: readonly (readonly [string, string])[] = [],
  ) => {
    const { text } = await ask(platform, action, fields, { token });
    const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    assert.ok(found, `${action}: ${text}`);
    return found;
  };
  const image = await id("DescribeImages", "imageId");
  const tag = (kind: string) =>
    [
      ["TagSpecification.1.ResourceType", kind],
      ["TagSpecification.1.Tag.1.Key", "Name"],
      ["TagSpecification.1.Tag.1.Value", `${mark}-from-others`],
    ] as const;
  const instance = await id("RunInstances", "instanceId", [
    ...([
      ["ImageId", image],
      ["InstanceType", "tiny"],
      ["MinCount", "1"],
      ["MaxCount", "1"],
    ] as const),
    ...tag("instance"),
  ]);
  await until("it runs", async () => {
    const asked = [["InstanceId.1", instance]] as const;
    const { text } = await ask(platform, "DescribeInstances", asked, { token });
    return text.includes("<name>running</name>");
  });
  const volume = await id("CreateVolume", "volumeId", [
    ...([
      ["AvailabilityZone", "default"],
      ["Size", "1"],
    ] as const),
    ...tag("volume"),
  ]);
  const root = await id("DescribeVolumes", "volumeId", [
    ["Filter.1.Name", "attachment.instance-id"],
    ["Filter.1.Value.1", instance],
  ]);
  const group = await id("CreateSecurityGroup", "groupId", [
    ["GroupName", `${mark}-group`],
    ["GroupDescription", `${mark}-description`],
  ]);
  const snapshot = await id("CreateSnapshot", "snapshotId", [["VolumeId", root]]);
  const allocation = await id("AllocateAddress", "allocationId");
  const golden = await id("CreateImage", "imageId", [
    ["InstanceId", instance],
    ["Name", `${mark}-image`],
  ]);
  return {
    ...{
      InstanceId: instance,
      VolumeId: volume,
      GroupId: group,
      SnapshotId: snapshot,
      ImageId: golden,
    },
    SecurityGroupId: group,
    SourceImageId: golden,
    SourceSnapshotId: snapshot,
    ResourceId: instance,
    KeyPairId: await id("CreateKeyPair", "keyPairId", [["KeyName", `${mark}-key`]]),
    KeyName: `${mark}-key`,
    GroupName: `${mark}-group`,
    AllocationId: allocation,
    AssociationId: await id("AssociateAddress", "associationId", [
      ["AllocationId", allocation],
      ["InstanceId", instance],
    ]),
    PublicIp: await id("DescribeAddresses", "publicIp"),
    RouteTableId: await id("DescribeRouteTables", "routeTableId"),
    VpcId: await id("DescribeVpcs", "vpcId"),
    SubnetId: await id("DescribeSubnets", "subnetId"),
    NetworkInterfaceId: await id("DescribeNetworkInterfaces", "networkInterfaceId"),
    SecurityGroupRuleId: await id("DescribeSecurityGroupRules", "securityGroupRuleId"),
    InstanceEventId: "instance-event-00000000000000000",
  };
}

/** Enough of a request to get past what is required, with an owned thing wherever there is one of that name. */
function requestFor(action: ActionName, isOnly?: string): readonly (readonly [string, string])[] {
  const plain: Readonly<Record<string, string>> = {
    ...{
      MinCount: "1",
      MaxCount: "1",
      InstanceType: "tiny",
      AvailabilityZone: "default",
      Size: "1",
    },
    ...{
      Attribute: "description",
      Device: "/dev/sdf",
      Name: "another-image",
      GroupDescription: "x",
    },
    ...{
      NotBefore: "2027-01-02T03:04:05Z",
      SourceRegion: "holdfast-1",
    },
    ...{
      PublicKeyMaterial: "x",
      IpProtocol: "tcp",
      FromPort: "1",
      ToPort: "2",
      CidrIp: "10.0.0.0/8",
    },
  };
  const inside: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    RegisterImage: [
      ["BlockDeviceMapping.1.DeviceName", "/dev/vda"],
      ["BlockDeviceMapping.1.Ebs.SnapshotId", owned.SnapshotId ?? ""],
    ],
    ModifyInstanceAttribute: [["InstanceType.Value", "small"]],
  };
  const own = structureOf(operations[action][0]).members.flatMap(
    ({ query, name, type, item, isRequired }) => {
      if (!isScalar(type)) return query === "Tag" ? [["Tag.1.Key", "k"] as const] : [];
      // What is made is called otherwise, or it would be found by its name afterwards.
      const isNew = /^(Create|Import)/.test(action) && /^(KeyName|GroupName)$/.test(query);
      const known = isNew
        ? `own-${query.toLowerCase()}`
        : (owned[query] ?? owned[name.replace(/s$/, "")]);
      if (known !== undefined && (isOnly === undefined || isOnly === query || isRequired))
        return [[item === undefined ? query : `${query}.1`, known] as const];
      const value =
        isRequired || ["IpProtocol", "FromPort", "ToPort", "CidrIp", "Size"].includes(query)
          ? plain[query]
          : undefined;
      return value === undefined
        ? []
        : [[item === undefined ? query : `${query}.1`, value] as const];
    },
  );
  return [...own, ...(inside[action] ?? [])];
}

const secrets = () =>
  [...new Set(Object.values(owned)), "hidden"].filter((one) => !/^instance-event/.test(one));

/** All of this project that a request could change. */
async function picture(): Promise<string> {
  const mine = "project_id = (select id from project where name = 'default')";
  const columns: Readonly<Record<string, string>> = {
    instance: "id, name, type, desired, is_protected, metadata, metadata_tokens, metadata_hops",
    volume: "id, name, size_bytes, iops",
    snapshot: "id, name",
    image: "id, name",
    security_group: "*",
    public_address: "*",
    ssh_key: "*",
    tag: "*",
    ec2_note: "*",
  };
  const rows = await Promise.all([
    ...Object.entries(columns).map(([table, what]) =>
      platform.database.query(`select ${what} from ${table} where ${mine} order by 1, 2`),
    ),
    platform.database.query(
      `select r.* from security_rule r join security_group g on g.id = r.group_id where g.${mine} order by r.id`,
    ),
    platform.database.query(
      `select a.volume_id, a.instance_id, a.leaving from attachment a join instance i on i.id = a.instance_id
       where i.${mine} order by a.volume_id`,
    ),
  ]);
  return JSON.stringify(rows);
}

test("another project sees nothing, and changes nothing, by any id it has got hold of", async () => {
  const { status: known } = await ask(platform, "DescribeVpcs", [], { token: stranger });
  assert.equal(known, 200); // And what every project has is made.
  const before = await picture();
  for (const action of actionNames) {
    const queries = structureOf(operations[action][0]).members.map(({ query }) => query);
    const tries = [undefined, ...queries.filter((query) => owned[query] !== undefined)];
    for (const only of tries) {
      const fields = requestFor(action, only);
      const names = new Set(fields.map(([, value]) => value));
      const { text, status, code } = await ask(platform, action, fields, { token: stranger });
      const about = `${action} ${JSON.stringify(fields)}: ${status} ${text.slice(0, 600)}`;
      for (const secret of secrets())
        if (![...names].some((name) => name.includes(secret)))
          assert.ok(!text.includes(secret), about);
      if (status === 200 && action !== "DeleteKeyPair")
        // It says so of one that is not there, too.
        for (const id of names)
          assert.ok(!/^[a-z]+-[0-9a-f]{17}$/.test(id) || !secrets().includes(id), about);
      assert.ok(status < 500, `${about} ${code}`);
    }
  }
  assert.equal(await picture(), before);
});

/** The same kind of name, of nothing. */
const nothingLike = (mark: string) =>
  mark
    .replace(/[0-9a-f]{17}$/, "0123456789abcdef0")
    .replace("hidden", "absent")
    .replace(/^198\.51\.100\.\d+$/, "203.0.113.9");

type Fields = readonly (readonly [string, string])[];

/**
 * Requests that name several things, all of them the stranger's own but one: that one is reached. By what kind of thing each is.
 */
const several: readonly (readonly [ActionName, ids: object, plain?: object])[] = [
  [
    "RunInstances",
    {
      ...{ ImageId: "ImageId", KeyName: "KeyName", SubnetId: "SubnetId" },
      "SecurityGroupId.1": "GroupId",
    },
    { InstanceType: "tiny", MinCount: "1", MaxCount: "1" },
  ],
  [
    "RunInstances",
    {
      ImageId: "ImageId",
      "NetworkInterface.1.SubnetId": "SubnetId",
      "NetworkInterface.1.SecurityGroupId.1": "GroupId",
    },
    { InstanceType: "tiny", MinCount: "1", MaxCount: "1", "NetworkInterface.1.DeviceIndex": "0" },
  ],
  ["ModifyInstanceAttribute", { InstanceId: "InstanceId", "GroupId.1": "GroupId" }],
  ["AttachVolume", { VolumeId: "VolumeId", InstanceId: "InstanceId" }, { Device: "/dev/sdf" }],
  ["DetachVolume", { VolumeId: "VolumeId", InstanceId: "InstanceId" }],
  ["AssociateAddress", { AllocationId: "AllocationId", InstanceId: "InstanceId" }],
  ["AssociateAddress", { AllocationId: "AllocationId", NetworkInterfaceId: "NetworkInterfaceId" }],
  [
    "AuthorizeSecurityGroupIngress",
    { GroupId: "GroupId", "IpPermissions.1.Groups.1.GroupId": "GroupId" },
    { "IpPermissions.1.IpProtocol": "-1" },
  ],
  [
    "AuthorizeSecurityGroupEgress",
    { GroupId: "GroupId", "IpPermissions.1.Groups.1.GroupId": "GroupId" },
    { "IpPermissions.1.IpProtocol": "-1" },
  ],
  [
    "RevokeSecurityGroupIngress",
    { GroupId: "GroupId", "SecurityGroupRuleId.1": "SecurityGroupRuleId" },
  ],
  [
    "RevokeSecurityGroupEgress",
    { GroupId: "GroupId", "SecurityGroupRuleId.1": "SecurityGroupRuleId" },
  ],
  [
    "ModifySecurityGroupRules",
    { GroupId: "GroupId", "SecurityGroupRule.1.SecurityGroupRuleId": "SecurityGroupRuleId" },
    { "SecurityGroupRule.1.SecurityGroupRule.Description": "x" },
  ],
  [
    "RegisterImage",
    { "BlockDeviceMapping.1.Ebs.SnapshotId": "SnapshotId" },
    { Name: "another-image", "BlockDeviceMapping.1.DeviceName": "/dev/vda" },
  ],
  ["CreateSnapshots", { "InstanceSpecification.InstanceId": "InstanceId" }],
  ["DeleteKeyPair", { KeyPairId: "KeyPairId" }],
  ["CreateTags", { "ResourceId.1": "VolumeId" }, { "Tag.1.Key": "k" }],
];

/** Of an action and a name in it: where no other answer is possible, and why. */
const saysNothing: Readonly<Record<string, string>> = {
  "CreateKeyPair KeyName": "of a new one",
  "ImportKeyPair KeyName": "of a new one",
  "CreateSecurityGroup GroupName": "of a new one",
  "DetachVolume InstanceId": "that the volume is attached to nothing is said first",
  "DeleteKeyPair KeyName": "EC2 says the same of one that is there and of one that is not",
  "DeleteKeyPair KeyPairId": "EC2 says the same of one that is there and of one that is not",
};

/** Each with the one name in it that is another's, and the same with the name of nothing. */
function* strangeRequests(): Generator<{
  readonly action: ActionName;
  readonly about: string;
  readonly real: Fields;
  readonly none: Fields;
}> {
  const held = new Set(several.map(([action]) => action));
  for (const [action, ids, plain = {}] of several)
    for (const [about, noun] of Object.entries(ids)) {
      const with_ = (value: (kind: string) => string): Fields => [
        ...Object.entries(plain),
        ...Object.entries(ids).map(
          ([name, kind]) => [name, name === about ? value(noun) : (own[kind] ?? "")] as const,
        ),
      ];
      const [real, none] = [
        with_((kind) => owned[kind] ?? ""),
        with_((kind) => nothingLike(owned[kind] ?? "")),
      ];
      yield { action, about, real, none };
    }
  for (const action of actionNames.filter((one) => !held.has(one)))
    for (const { query } of structureOf(operations[action][0]).members) {
      if (owned[query] === undefined) continue;
      const real = requestFor(action, query);
      const none = real.map(([name, value]) => [name, nothingLike(value)] as const);
      yield { action, about: query, real, none };
    }
}

test("every name in every action is looked for, and another's is answered as nobody's", async () => {
  const before = await picture();
  const reached = new Set<ActionName>();
  for (const { action, about, real, none } of strangeRequests()) {
    const [theirs, nobodys] = [
      await ask(platform, action, real, { token: stranger }),
      await ask(platform, action, none, { token: stranger }),
    ];
    const what = `${action} ${about}`;
    const said = real.reduce(
      (text, [, value]) => text.replaceAll(value, nothingLike(value)),
      theirs.text.replace(/<RequestID>.*?<\/RequestID>|<requestId>.*?<\/requestId>/, ""),
    );
    const expected = nobodys.text.replace(
      /<RequestID>.*?<\/RequestID>|<requestId>.*?<\/requestId>/,
      "",
    );
    if (!(what in saysNothing)) {
      assert.match(theirs.code ?? "200", /NotFound$/, `${what} was not reached: ${theirs.text}`);
      assert.equal(said, expected, what);
    }
    reached.add(action);
  }
  // What names nothing, or only what is new.
  const silent = actionNames.filter((one) => !reached.has(one));
  assert.deepEqual(silent, [
    ...["DescribeRegions", "DescribeAvailabilityZones", "DescribeAccountAttributes"],
    ...["DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeTags"],
    ...["AllocateAddress", "GetEbsEncryptionByDefault"],
    ...["EnableEbsEncryptionByDefault", "DisableEbsEncryptionByDefault"],
  ]);
  assert.equal(await picture(), before);
});

test("a snapshot that is shared can be seen, made into a volume and copied, and nothing else", async () => {
  const { SnapshotId = "" } = owned;
  const one = ["SnapshotId", SnapshotId] as const;
  const createVolumePermission = ["Attribute", "createVolumePermission"] as const;
  const { text } = await ask(platform, "DescribeSecurityGroups", [], { token: stranger });
  const account = /<ownerId>(\d+)</.exec(text)?.[1] ?? "";
  const share = async (how: "Add" | "Remove") => {
    const fields = [one, [`CreateVolumePermission.${how}.1.UserId`, account] as const];
    assert.equal((await ask(platform, "ModifySnapshotAttribute", fields)).status, 200);
  };
  const uses: { readonly [Name in ActionName]?: readonly [Fields, code?: string] } = {
    DescribeSnapshots: [[["SnapshotId.1", SnapshotId]]],
    DescribeSnapshotAttribute: [[one, createVolumePermission]],
    CreateVolume: [[one, ["AvailabilityZone", "default"]]],
    CopySnapshot: [
      [
        ["SourceSnapshotId", SnapshotId],
        ["SourceRegion", "holdfast-1"],
      ],
    ],
    DeleteSnapshot: [[one], "OperationNotPermitted"],
    ModifySnapshotAttribute: [
      [one, ["CreateVolumePermission.Add.1.UserId", account]],
      "OperationNotPermitted",
    ],
    ResetSnapshotAttribute: [[one, createVolumePermission], "OperationNotPermitted"],
    RegisterImage: [
      [
        ["Name", "another-image"],
        ["BlockDeviceMapping.1.DeviceName", "/dev/vda"],
        ["BlockDeviceMapping.1.Ebs.SnapshotId", SnapshotId],
      ],
      "OperationNotPermitted",
    ],
    CreateTags: [
      [
        ["ResourceId.1", SnapshotId],
        ["Tag.1.Key", "k"],
      ],
      "InvalidSnapshot.NotFound",
    ],
    DeleteTags: [[["ResourceId.1", SnapshotId]], "InvalidSnapshot.NotFound"],
  };
  const named = actionNames.filter((action) =>
    structureOf(operations[action][0]).members.some(({ query }) =>
      /^(Source)?SnapshotId$/.test(query),
    ),
  );
  assert.deepEqual(
    named.filter((action) => !uses[action]),
    [],
  );
  await share("Add");
  const before = await picture();
  const try_ = async (action: string, [fields, code]: readonly [Fields, code?: string]) => {
    const reply = await ask(platform, action, fields, { token: stranger });
    assert.equal(reply.code, code, `${action}: ${reply.text}`);
    for (const secret of secrets().filter((name) => name !== SnapshotId))
      assert.ok(!reply.text.includes(secret), `${action}: ${reply.text}`);
  };
  for (const [action, use] of Object.entries(uses)) await try_(action, use);
  assert.equal(await picture(), before);
  await share("Remove");
  for (const [action, [fields]] of Object.entries(uses))
    await try_(action, [fields, "InvalidSnapshot.NotFound"]);
});

test("whoever may only look changes nothing, and is told so", async () => {
  const before = await picture();
  for (const action of actionNames) {
    const { code, status } = await ask(platform, action, requestFor(action), { token: viewer });
    if (actions[action].needs !== "project:read")
      assert.equal(code, "UnauthorizedOperation", action);
    else assert.notEqual(code, "UnauthorizedOperation", `${action} ${status}`);
  }
  assert.equal(await picture(), before);
});

test("every request is written down, allowed or refused, with who asked", async () => {
  const { body } = await platform.call<{
    entries: { api: string; route: string; actor: string; decision: string }[];
  }>("GET", "/v1/audit?limit=500");
  const mine = body.entries.filter(({ api }) => api === "ec2");
  assert.ok(
    mine.some(
      ({ route, actor, decision }) =>
        route === "TerminateInstances" && /bot-viewer/.test(actor) && decision === "refused",
    ),
  );
  assert.ok(mine.some(({ route, decision }) => route === "DescribeVpcs" && decision === "allowed"));
});
