/** Snapshots that are shared, through either API, up to an instance that has the other project's copy as its disk. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ask } from "./ec2/signed.ts";
import { sharedPlatform, until } from "./platform.ts";

/** Keys of projects; `green` is in another organisation. */
let tokens: Readonly<Record<string, string>>;
const platform = await sharedPlatform({ hosts: 1 });
before(async () => {
  await platform.call("POST", "/v1/organisations", { name: "abroad" });
  await platform.call("POST", "/v1/projects", { name: "blue" });
  await platform.call("POST", "/v1/projects", { name: "green", organisation: "abroad" });
  tokens = { blue: await keyOf("blue"), green: await keyOf("green") };
});

async function keyOf(project: string): Promise<string> {
  const at = `/v1/projects/${project}/service-accounts`;
  const { body: bot } = await platform.call<{ id: string }>("POST", at, {
    ...{ name: "bot", role: "developer" },
  });
  const key = await platform.call<{ token: string }>("POST", `${at}/${bot.id}/keys`, { name: "a" });
  return key.body.token;
}

const ec2 = async (
  action: string,
  fields: Readonly<Record<string, string>> = {},
  project?: "blue" | "green",
) => {
  const token = project && tokens[project];
  return ask(platform, action, Object.entries(fields), token ? { token } : {});
};
const within = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, found]) => found);
const accountOf = async (project: "blue" | "green") =>
  within((await ec2("DescribeSecurityGroups", {}, project)).text, "ownerId")[0] ?? "";
const createVolumePermission = { Attribute: "createVolumePermission" };

/** A snapshot of a guest's disk, by EC2's id. */
async function snapshot(name: string): Promise<string> {
  const at = "/v1/projects/default";
  await platform.call("POST", `${at}/instances`, { name });
  await until(`${name} runs`, async () => {
    const { body } = await platform.call<{ state: string }>("GET", `${at}/instances/${name}`);
    return body.state === "running";
  });
  const { body } = await platform.call<{ id: string }>("POST", `${at}/snapshots`, {
    ...{ volume: `${name}.root`, name: `of-${name}`, tags: { secret: "word" } },
  });
  await until(`${name} is kept`, async () => {
    const { body: view } = await platform.call<{ state: string }>(
      ...(["GET", `${at}/snapshots/${body.id}`] as const),
    );
    return view.state === "ready";
  });
  return `snap-${body.id.replaceAll("-", "").slice(-17)}`;
}

test("createVolumePermission gives the sight of a snapshot, and a disk with its content", async () => {
  const SnapshotId = await snapshot("web");
  const blue = await accountOf("blue");
  const permit = (fields: Readonly<Record<string, string>>) =>
    ec2("ModifySnapshotAttribute", { SnapshotId, ...fields });
  const permitted = async (project?: "blue") =>
    within(
      (await ec2("DescribeSnapshotAttribute", { SnapshotId, ...createVolumePermission }, project))
        .text,
      "userId",
    );
  const seen = async (fields: Readonly<Record<string, string>>) =>
    within((await ec2("DescribeSnapshots", fields, "blue")).text, "snapshotId");
  assert.deepEqual(await seen({}), []);
  assert.equal((await permit({ "CreateVolumePermission.Add.1.UserId": blue })).status, 200);
  assert.deepEqual(await permitted(), [blue]);
  assert.deepEqual(await permitted("blue"), [], "with whom else is its owner's to know");
  const { text } = await ec2("DescribeSnapshots", {}, "blue");
  const owner = within((await ec2("DescribeSnapshots")).text, "ownerId");
  assert.deepEqual(
    [within(text, "snapshotId"), within(text, "ownerId"), within(text, "volumeId")],
    [[SnapshotId], owner, ["vol-ffffffff"]],
  );
  assert.doesNotMatch(text, /secret|web/);
  assert.deepEqual(await seen({ "Owner.1": "self" }), []);
  assert.deepEqual(await seen({ "Owner.1": owner[0] ?? "" }), [SnapshotId]);
  assert.deepEqual(await seen({ "RestorableBy.1": "self" }), [SnapshotId]);
  assert.deepEqual(await seen({ "Filter.1.Name": "tag:secret", "Filter.1.Value.1": "word" }), []);
  const made = await ec2("CreateVolume", { SnapshotId, AvailabilityZone: "default" }, "blue");
  const [volume = ""] = within(made.text, "volumeId");
  const as = { authorization: `Bearer ${tokens.blue}` };
  const at = "/v1/projects/blue";
  const disk = () =>
    platform.call<{ id: string; state: string; attachment: string }>(
      ...(["GET", `${at}/volumes/${volume}`, undefined, as] as const),
    );
  await permit({ ...createVolumePermission, OperationType: "remove", "UserId.1": blue });
  assert.deepEqual([await permitted(), await seen({})], [[], []]);
  const gone = await ec2("CreateVolume", { SnapshotId, AvailabilityZone: "default" }, "blue");
  assert.equal(gone.code, "InvalidSnapshot.NotFound");
  await until("it is made", async () => (await disk()).body.state === "ready");
  const run = { name: "db", volumes: [{ volume: (await disk()).body.id }] };
  assert.equal((await platform.call("POST", `${at}/instances`, run, as)).status, 202);
  await until("a guest has it, though it is shared no longer", async () => {
    return (await disk()).body.attachment === "attached";
  });
});

test("what is not to be had is refused, and a reset takes all of it back", async () => {
  const SnapshotId = await snapshot("app");
  const blue = await accountOf("blue");
  const permit = (fields: Readonly<Record<string, string>>) =>
    ec2("ModifySnapshotAttribute", { SnapshotId, ...fields });
  const abroad = await permit({ "CreateVolumePermission.Add.1.UserId": await accountOf("green") });
  const nobody = await permit({ "CreateVolumePermission.Add.1.UserId": "123456789012" });
  assert.deepEqual([abroad.code, nobody.code], ["InvalidParameterValue", "InvalidParameterValue"]);
  const all = await permit({ "CreateVolumePermission.Add.1.Group": "all" });
  assert.equal(all.code, "UnsupportedOperation");
  assert.equal((await permit({ Attribute: "productCodes" })).code, "UnsupportedOperation");
  assert.equal((await permit(createVolumePermission)).code, "MissingParameter");
  assert.equal((await permit({ OperationType: "add", "UserId.1": blue })).status, 200);
  const reset = { SnapshotId, ...createVolumePermission };
  assert.equal((await ec2("ResetSnapshotAttribute", reset)).status, 200);
  const { text } = await ec2("DescribeSnapshotAttribute", reset);
  assert.deepEqual(within(text, "userId"), []);
});
