/** Images that are copied, shared and given up, through either API: who may use one, who may change it, and how long its bytes stay. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ask } from "./ec2/signed.ts";
import { sharedPlatform } from "./platform.ts";

/** Keys of projects, and their accounts. `green` is in another organisation. */
let tokens: Readonly<Record<"blue" | "green", string>>;
const platform = await sharedPlatform({ hosts: 1 });
before(async () => {
  await platform.call("POST", "/v1/organisations", { name: "abroad" });
  await platform.call("POST", "/v1/projects", { name: "blue" });
  await platform.call("POST", "/v1/projects", { name: "green", organisation: "abroad" });
  tokens = { blue: await keyOf("blue"), green: await keyOf("green") };
});

interface Image {
  readonly id: string;
  readonly name: string;
  readonly project: string | null;
  readonly state: string;
  readonly tags: object;
  readonly sharedWith: readonly string[];
  readonly manifest: { readonly disk: { readonly digest: string } };
  /** Of a refusal. */
  readonly code: string;
}
const mine = "/v1/projects/default/images";
const theirs = (project: string) => `/v1/projects/${project}/images`;
const as = (project: "blue" | "green") => ({ authorization: `Bearer ${tokens[project]}` });
const amiOf = (id: string) => `ami-${id.replaceAll("-", "").slice(-17)}`;
const ec2 = (
  action: string,
  fields: Readonly<Record<string, string>> = {},
  project?: "blue" | "green",
) => ask(platform, action, Object.entries(fields), project ? { token: tokens[project] } : {});
const within = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, found]) => found);

async function keyOf(project: string): Promise<string> {
  const at = `/v1/projects/${project}/service-accounts`;
  const account = { name: "bot", role: "developer" };
  const { body: bot } = await platform.call<{ id: string }>("POST", at, account);
  const { body } = await platform.call<{ token: string }>("POST", `${at}/${bot.id}/keys`, {
    name: "a key",
  });
  return body.token;
}
async function copy(image: string, name: string): Promise<Image> {
  const { status, body } = await platform.call<Image>("POST", `${mine}/${image}/copy`, { name });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}
const share = (image: string, body: object) =>
  platform.call<Image>("PATCH", `${mine}/${image}/shares`, body);
async function accountOf(project: "blue" | "green"): Promise<string> {
  const { text } = await ec2("DescribeSecurityGroups", {}, project);
  return within(text, "ownerId")[0] ?? "";
}

test("a copy has the same content under its own name, and is nobody else's", async () => {
  const { body: tiny } = await platform.call<Image>("GET", `${mine}/tiny`);
  const made = await copy("tiny", "golden");
  assert.deepEqual([made.project, made.state, made.sharedWith], ["default", "ready", []]);
  assert.deepEqual(made.manifest, tiny.manifest);
  const again = await platform.call<Image>("POST", `${mine}/tiny/copy`, { name: "golden" });
  assert.equal(again.body.code, "image_name_taken");
  await platform.call("POST", mine, { name: "later" });
  const early = await platform.call<Image>("POST", `${mine}/later/copy`, { name: "early" });
  assert.equal(early.body.code, "image_not_ready");
});

test("bytes stay for as long as any image has them, whichever of the two goes first", async () => {
  const first = await copy("tiny", "first");
  const second = await copy("first", "second");
  await platform.call("DELETE", `${mine}/first`);
  const run = { name: "of-second", image: "second" };
  const { body } = await platform.call<{ job: string }>(
    "POST",
    "/v1/projects/default/instances",
    run,
  );
  const job = `/v1/projects/default/jobs/${body.job}?waitSeconds=30`;
  const ended = await platform.call<{ state: string }>("GET", job);
  assert.equal(ended.body.state, "succeeded");
  assert.equal((await platform.call("GET", `${mine}/${first.id}`)).status, 404);
  assert.equal((await platform.call<Image>("DELETE", `${mine}/second`)).body.code, "image_in_use");
  const gone = await platform.call<Image>("DELETE", `${mine}/${second.id}?inUse=keep`);
  assert.equal(gone.body.state, "deleted");
  const at = "/v1/projects/default/instances/of-second";
  const relaunch = await platform.call<{ job: string }>("POST", `${at}/relaunch`, {});
  const back = await platform.call<{ state: string }>(
    "GET",
    `/v1/projects/default/jobs/${relaunch.body.job}?waitSeconds=30`,
  );
  assert.equal(back.body.state, "succeeded", "it stands on it still");
});

test("who it is shared with may run and copy it by its id, and neither change it nor share it on", async () => {
  const { id, manifest } = await copy("tiny", "offered");
  await platform.call("PATCH", "/v1/projects/default/tags", {
    ...{ kind: "image", thing: "offered", set: { secret: "word" } },
  });
  const see = (project: "blue" | "green", one: string) =>
    platform.call<Image>("GET", `${theirs(project)}/${one}`, undefined, as(project));
  assert.equal((await see("blue", id)).status, 404);
  const { body: shared } = await share("offered", { add: ["blue"] });
  assert.deepEqual(shared.sharedWith, ["blue"]);
  const { status, body } = await see("blue", id);
  assert.equal(status, 200);
  assert.deepEqual([body.project, body.tags, body.sharedWith], ["default", {}, []]);
  assert.equal((await see("blue", "offered")).status, 404, "a name could be anybody's");
  assert.equal((await see("blue", amiOf(id))).body.id, id);
  const { body: list } = await platform.call<{ images: Image[] }>(
    ...(["GET", theirs("blue"), undefined, as("blue")] as const),
  );
  assert.deepEqual(list.images.map(({ name }) => name).sort(), ["offered", "tiny"]);
  const at = `${theirs("blue")}/${id}`;
  for (const [method, path, asked] of [
    ["DELETE", at, undefined],
    ["PATCH", `${at}/shares`, { add: ["blue"] }],
    ["PUT", `${at}/warm`, { warm: false }],
  ] as const) {
    const refused = await platform.call<Image>(method, path, asked, as("blue"));
    assert.deepEqual([refused.status, refused.body.code], [403, "image_shared"], method);
  }
  const tag = { kind: "image", thing: id, set: { a: "b" } };
  const tagged = await platform.call("PATCH", "/v1/projects/blue/tags", tag, as("blue"));
  assert.equal(tagged.status, 404);
  const own = await platform.call<Image>("POST", `${at}/copy`, { name: "own" }, as("blue"));
  assert.deepEqual([own.body.project, own.body.manifest], ["blue", manifest]);
  const run = { name: "web", image: id };
  const begun = await platform.call("POST", "/v1/projects/blue/instances", run, as("blue"));
  assert.equal(begun.status, 202);
  const held = await platform.call<Image & { message: string }>("DELETE", `${mine}/offered`);
  assert.equal(held.body.code, "image_in_use");
  assert.doesNotMatch(held.body.message, /web/, "what others call theirs is theirs");
  assert.deepEqual((await share("offered", { remove: ["blue"] })).body.sharedWith, []);
  assert.equal((await see("blue", id)).status, 404);
});

test("it is shared within the organisation, and of projects elsewhere nothing is said", async () => {
  const { id } = await copy("tiny", "at-home");
  const real = await share("at-home", { add: ["green"] });
  const none = await share("at-home", { add: ["nobody"] });
  assert.deepEqual([real.status, real.body.code], [404, "project_not_found"]);
  assert.equal(JSON.stringify(real.body).replaceAll("green", "nobody"), JSON.stringify(none.body));
  const abroad = await ec2("ModifyImageAttribute", {
    ...{ ImageId: amiOf(id), "LaunchPermission.Add.1.UserId": await accountOf("green") },
  });
  assert.equal(abroad.code, "InvalidAMIAttributeItemValue");
});

test("a client of EC2 copies an image once for each client token", async () => {
  const { text: images } = await ec2("DescribeImages", {
    ...{ "Filter.1.Name": "name", "Filter.1.Value.1": "tiny" },
  });
  const [source = ""] = within(images, "imageId");
  const wanted = {
    ...{ SourceImageId: source, SourceRegion: "holdfast-1", Name: "Copied by Terraform" },
    ...{ Description: "a copy", ClientToken: "once" },
  };
  const made = await ec2("CopyImage", wanted);
  const [id = ""] = within(made.text, "imageId");
  assert.match(id, /^ami-[0-9a-f]{17}$/, made.text);
  assert.deepEqual(within((await ec2("CopyImage", wanted)).text, "imageId"), [id]);
  for (const change of [{ Name: "Another" }, { Encrypted: "true" }]) {
    const other = await ec2("CopyImage", { ...wanted, ...change });
    assert.equal(other.code, "IdempotentParameterMismatch", Object.keys(change).join());
  }
  const taken = await ec2("CopyImage", { ...wanted, ClientToken: "twice" });
  assert.equal(taken.code, "InvalidAMIName.Duplicate");
  const far = await ec2("CopyImage", { ...wanted, SourceRegion: "us-east-1" });
  assert.equal(far.code, "InvalidParameterValue");
  const { text } = await ec2("DescribeImages", { "ImageId.1": id });
  assert.deepEqual(
    [within(text, "name"), within(text, "description"), within(text, "imageState")],
    [["Copied by Terraform"], ["a copy"], ["available"]],
  );
  const run = await ec2("RunInstances", {
    ...{ ImageId: id, InstanceType: "tiny", MinCount: "1", MaxCount: "1" },
  });
  assert.equal(run.status, 200, run.text);
  assert.equal((await ec2("DeregisterImage", { ImageId: id })).status, 200, "whoever stands on it");
  assert.equal((await ec2("DescribeImages", { "ImageId.1": id })).code, "InvalidAMIID.NotFound");
});

test("launch permissions of EC2 are the same shares", async () => {
  const { id } = await copy("tiny", "permitted");
  const ami = amiOf(id);
  const blue = await accountOf("blue");
  const modify = (fields: Readonly<Record<string, string>>, project?: "blue") =>
    ec2("ModifyImageAttribute", { ImageId: ami, ...fields }, project);
  const permitted = async () =>
    within(
      (await ec2("DescribeImageAttribute", { ImageId: ami, Attribute: "launchPermission" })).text,
      "userId",
    );
  assert.equal((await modify({ "LaunchPermission.Add.1.UserId": blue })).status, 200);
  assert.deepEqual(await permitted(), [blue]);
  const owner = within((await ec2("DescribeImages", { "ImageId.1": ami })).text, "imageOwnerId");
  const seen = await ec2("DescribeImages", { "ImageId.1": ami, "ExecutableBy.1": "self" }, "blue");
  assert.deepEqual(within(seen.text, "imageOwnerId"), owner);
  const { text: own } = await ec2("DescribeImages", { "Owner.1": "self" }, "blue");
  assert.ok(!own.includes(ami));
  const attribute = { ImageId: ami, Attribute: "launchPermission" };
  const told = await ec2("DescribeImageAttribute", attribute, "blue");
  assert.deepEqual(within(told.text, "userId"), [], "with whom else is its owner's to know");
  const further = await modify({ "LaunchPermission.Add.1.UserId": blue }, "blue");
  assert.equal(further.code, "OperationNotPermitted");
  const gone = { Attribute: "launchPermission", OperationType: "remove", "UserId.1": blue };
  assert.equal((await modify(gone)).status, 200);
  assert.deepEqual(await permitted(), []);
  assert.equal(
    (await modify({ "LaunchPermission.Add.1.Group": "all" })).code,
    "UnsupportedOperation",
  );
  assert.equal((await modify({ ...gone, OperationType: "" })).code, "MissingParameter");
});
