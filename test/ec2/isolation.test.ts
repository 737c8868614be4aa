/** Every action with the key of another project: what belongs to this one is as if it were not there, and stays as it is. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ActionName, actionNames, actions } from "@holdfast/cloud/ec2";
import { stopTestServer } from "@holdfast/store/testing";
import { isScalar, structureOf } from "../../cloud/ec2/core/model.ts";
import { operations } from "../../cloud/ec2/core/shapes.ts";
import { type Platform, startPlatform, until } from "../platform.ts";
import { ask } from "./signed.ts";

let platform: Platform;
/** Keys: one of another project, and one that may only look at this one. */
let stranger = "";
let viewer = "";
let owned: Readonly<Record<string, string>> = {};

before(async () => {
  platform = await startPlatform({ hosts: 1 });
  await platform.call("POST", "/v1/public-ranges", { cidr: "198.51.100.0/28" });
  await platform.call("POST", "/v1/projects", { name: "stranger" });
  stranger = await keyWith("stranger", "developer");
  viewer = await keyWith("default", "viewer");
  owned = await things();
});
after(async () => {
  await platform.close();
  await stopTestServer();
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

async function things(): Promise<Readonly<Record<string, string>>> {
  const id = async (
    action: string,
    name: string,
    fields: readonly (readonly [string, string])[] = [],
  ) => {
    const { text } = await ask(platform, action, fields);
    const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    assert.ok(found, `${action}: ${text}`);
    return found;
  };
  const image = await id("DescribeImages", "imageId");
  const tag = (kind: string) =>
    [
      ["TagSpecification.1.ResourceType", kind],
      ["TagSpecification.1.Tag.1.Key", "Name"],
      ["TagSpecification.1.Tag.1.Value", "hidden-from-others"],
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
    const { text } = await ask(platform, "DescribeInstances", [["InstanceId.1", instance]]);
    return text.includes("<name>running</name>");
  });
  const volume = await id("CreateVolume", "volumeId", [
    ...([
      ["AvailabilityZone", "default"],
      ["Size", "1"],
    ] as const),
    ...tag("volume"),
  ]);
  const [{ root = "" } = {}] = await platform.database.query<{ root: string }>(
    "select right(replace(volume_id::text, '-', ''), 17) as root from instance",
  );
  const group = await id("CreateSecurityGroup", "groupId", [
    ["GroupName", "hidden-group"],
    ["GroupDescription", "hidden-description"],
  ]);
  const snapshot = await id("CreateSnapshot", "snapshotId", [["VolumeId", `vol-${root}`]]);
  const own = await id("CreateImage", "imageId", [
    ["InstanceId", instance],
    ["Name", "hidden-image"],
  ]);
  return {
    ...{
      InstanceId: instance,
      VolumeId: volume,
      GroupId: group,
      SnapshotId: snapshot,
      ImageId: own,
    },
    SecurityGroupId: group,
    ResourceId: instance,
    KeyName: await id("CreateKeyPair", "keyName", [["KeyName", "hidden-key"]]),
    GroupName: "hidden-group",
    AllocationId: await id("AllocateAddress", "allocationId"),
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
      SourceRegion: "r",
      SourceImageId: "ami-0",
      SourceSnapshotId: "snap-0",
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
    instance: "id, name, type, desired, is_protected",
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
      if (status === 200)
        for (const id of names)
          assert.ok(!/^[a-z]+-[0-9a-f]{17}$/.test(id) || !secrets().includes(id), about);
      assert.ok(status < 500, `${about} ${code}`);
    }
  }
  assert.equal(await picture(), before);
});

test("whoever may only look changes nothing, and is told so", async () => {
  const before = await picture();
  for (const action of actionNames) {
    const { code, status } = await ask(platform, action, requestFor(action), { token: viewer });
    if (actions[action].needs === "project:operate")
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
