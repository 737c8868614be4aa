/** Tags on a whole platform: the same ones through either API, also when they change and when their thing is another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "./ec2/signed.ts";
import { sharedPlatform, until } from "./platform.ts";

const platform = await sharedPlatform({ hosts: 1 });

interface Refusal {
  readonly code: string;
}
interface Thing {
  readonly id: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
}
const at = "/v1/projects/default";
const post = <T>(path: string, body: object) => platform.call<T>("POST", path, body);
const read = async (path: string) => (await platform.call<Thing>("GET", `${at}/${path}`)).body;
const change = (body: object) =>
  platform.call<Refusal & { tags: Thing["tags"] }>("PATCH", `${at}/tags`, body);
async function run(name: string, tags: object): Promise<Thing> {
  const { body } = await post<{ job: string; instances: Thing[] }>(`${at}/instances`, {
    name,
    tags,
  });
  await platform.call("GET", `${at}/jobs/${body.job}?waitSeconds=30`);
  const [made] = body.instances;
  assert.ok(made);
  return made;
}
/** `owner=ada stage=live`, as a client of EC2 sees them. */
async function seenByEc2(id: string): Promise<string> {
  const { text } = await ask(platform, "DescribeTags", [
    ["Filter.1.Name", "resource-id"],
    ["Filter.1.Value.1", id],
  ]);
  const all = text.matchAll(/<key>(.*?)<\/key>.*?<value>(.*?)<\/value>/gs);
  return [...all].map(([, key, value]) => `${key}=${value}`).join(" ");
}
const ec2Id = (prefix: string, id: string) => `${prefix}-${id.replaceAll("-", "").slice(-17)}`;

test("what is made with tags shows them, is found by them, and a client of EC2 sees the same ones", async () => {
  const web = await run("web", { owner: "ada", note: "a, b = c" });
  await run("db", { owner: "eve" });
  await post(`${at}/volumes`, { name: "data", sizeGiB: 1, tags: { owner: "ada" } });
  await post(`${at}/volumes`, { name: "bare", sizeGiB: 1 });
  assert.deepEqual(web.tags, { owner: "ada", note: "a, b = c" });
  assert.deepEqual((await read("instances/web")).tags, web.tags);
  assert.deepEqual((await read("volumes/data")).tags, { owner: "ada" });
  assert.deepEqual((await read("volumes/bare")).tags, {});
  assert.equal(await seenByEc2(ec2Id("i", web.id)), "note=a, b = c owner=ada");
  for (const [path, tag, names] of [
    ["instances", "owner=ada", ["web"]],
    ["instances", "owner", ["web", "db"]],
    ["instances", "note=a, b = c", ["web"]],
    ["instances", "owner=", []],
    ["volumes", "owner=ada", ["data"]],
    ["volumes", "owner=eve", []],
    ["snapshots", "owner=ada", []],
  ] as const) {
    const { body } = await platform.call<Record<string, readonly Thing[]>>(
      "GET",
      `${at}/${path}?tag=${encodeURIComponent(tag)}`,
    );
    assert.deepEqual(
      body[path]?.map(({ name }) => name),
      names,
      `${path} ${tag}`,
    );
  }
});

test("tags that one API changes are so in the other, and the audit log has what was changed", async () => {
  const one = await run("one", { owner: "ada", stage: "test" });
  const id = ec2Id("i", one.id);
  const changed = await change({
    ...{ kind: "instance", thing: "one", set: { stage: "live", more: "x" }, remove: ["owner"] },
  });
  assert.deepEqual(changed.body.tags, { more: "x", stage: "live" });
  assert.equal(await seenByEc2(id), "more=x stage=live");
  await ask(platform, "CreateTags", [
    ["ResourceId.1", id],
    ["Tag.1.Key", "from"],
    ["Tag.1.Value", "ec2"],
  ]);
  await ask(platform, "DeleteTags", [
    ["ResourceId.1", id],
    ["Tag.1.Key", "more"],
    ["Tag.1.Value", "another"],
    ["Tag.2.Key", "stage"],
  ]);
  assert.deepEqual((await read("instances/one")).tags, { from: "ec2", more: "x" });
  const told = await platform.database.query<{ n: number }>(
    "select count(*)::int as n from journal where subject = $1 and event = 'tagsChanged'",
    [one.id],
  );
  assert.equal(told[0]?.n, 3);
  const { body } = await change({ kind: "instance", thing: id, remove: ["from", "more"] });
  assert.deepEqual(body.tags, {}, "by its id of EC2's");
});

test("one thing has at most fifty, and what is not there or is another project's has none to change", async () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, ""]));
  await post(`${at}/volumes`, { name: "full", sizeGiB: 1, tags: many });
  const more = await change({ kind: "volume", thing: "full", set: { one: "more" } });
  assert.deepEqual([more.status, more.body.code], [507, "too_many_tags"]);
  const instead = await change({
    kind: "volume",
    thing: "full",
    set: { one: "x" },
    remove: ["k0"],
  });
  assert.equal(instead.status, 200);
  await post("/v1/projects", { name: "other" });
  const theirs = await post<Thing>("/v1/projects/other/volumes", { name: "theirs", sizeGiB: 1 });
  for (const [kind, thing] of [
    ["volume", "theirs"],
    ["volume", theirs.body.id],
    ["instance", "full"],
    ["image", "tiny"],
    ["key", "nobody"],
  ]) {
    const { status, body } = await change({ kind, thing, set: { a: "b" } });
    assert.deepEqual([status, body.code], [404, `${kind}_not_found`]);
  }
});

test("a volume that is restored has the tags that it had, and one that is made of a backup those of the request", async () => {
  const web = await run("kept", {});
  await change({ kind: "volume", thing: "kept.root", set: { owner: "ada" } });
  const body = { volume: "kept.root", name: "before", tags: { why: "upgrade" } };
  const snapshot = await post<Thing>(`${at}/snapshots`, body);
  assert.deepEqual(snapshot.body.tags, { why: "upgrade" });
  await until("it is made", async () => {
    const { body } = await platform.call<{ state: string }>("GET", `${at}/snapshots/before`);
    return body.state === "ready";
  });
  const stop = await post<{ job: string }>(`${at}/instances/kept/stop`, { force: true });
  await platform.call("GET", `${at}/jobs/${stop.body.job}?waitSeconds=30`);
  const { id } = await read("volumes/kept.root");
  assert.equal((await post(`${at}/snapshots/before/restore`, {})).status, 202);
  await until("it is another", async () => (await read("volumes/kept.root")).id !== id);
  assert.deepEqual((await read("volumes/kept.root")).tags, { owner: "ada" });
  assert.ok(web.id);
});

test("what is said of a thing goes with it, also when its owner takes it away by the other API", async () => {
  const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDx0oWEAkW2mzGBJAGbYUVKfXk1gBLy7NYKZ1rcNkzkB a";
  const things = [
    { path: "volumes", prefix: "vol", body: { name: "brief", sizeGiB: 1 } },
    { path: "security-groups", prefix: "sg", body: { name: "brief" } },
    { path: "keys", prefix: "key", body: { name: "brief", publicKey: line } },
  ];
  const ids: string[] = [];
  for (const { path, prefix, body } of things) {
    const { status, body: thing } = await post<Thing>(`${at}/${path}`, body);
    assert.ok(status < 300, JSON.stringify(thing));
    ids.push(thing.id);
    await ask(platform, "CreateTags", [
      ["ResourceId.1", ec2Id(prefix, thing.id)],
      ["Tag.1.Key", "owner"],
      ["Tag.1.Value", "ada"],
    ]);
  }
  const words = async () =>
    (await platform.database.query("select from tag where resource = any($1)", [ids])).length;
  assert.equal(await words(), things.length);
  for (const { path } of things) await platform.call("DELETE", `${at}/${path}/brief`);
  await until("nothing is said of them", async () => (await words()) === 0);
});

test("what lacks a required tag is refused, naming it; with the tag it is made and has it", async () => {
  const { body: acme } = await post<{ id: string }>("/v1/organisations", { name: "acme" });
  await post("/v1/organisations/acme/projects", { name: "tagged" });
  const at = "/v1/projects/tagged";
  const anyOwner = { tags: [{ key: "owner", allowed: null }] };
  await platform.call("PUT", "/v1/organisations/acme/required-tags", anyOwner);
  await platform.call("PUT", `${at}/required-tags`, {
    tags: [{ key: "stage", allowed: ["test", "live"] }],
  });
  for (const [path, body] of [
    ["instances", { name: "web" }],
    ["volumes", { name: "data", sizeGiB: 1 }],
  ] as const) {
    for (const tags of [undefined, { owner: "ada" }, { owner: "ada", stage: "play" }]) {
      const { status, body: refusal } = await post<Refusal>(`${at}/${path}`, { ...body, tags });
      assert.deepEqual([status, refusal.code], [400, "tag_required"], path);
    }
    const tags = { owner: "ada", stage: "live" };
    const allowed = await post<object>(`${at}/${path}`, { ...body, tags });
    assert.ok(allowed.status < 300, JSON.stringify(allowed.body));
  }
  for (const [path, name] of [
    ["instances", "web"],
    ["volumes", "data"],
  ] as const) {
    type Listed = Record<string, Thing[]>;
    const { body: all } = await platform.call<Listed>("GET", `${at}/${path}`);
    assert.deepEqual(
      all[path]?.find((one) => one.name === name)?.tags,
      { owner: "ada", stage: "live" },
      path,
    );
  }
  assert.ok(acme.id);
});
