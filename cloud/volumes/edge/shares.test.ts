/** Snapshots that are shared, on a real database: what the other project may do with one, and what it is never told. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { openDepot } from "./testing.ts";

let depot: Awaited<ReturnType<typeof openDepot>>;
before(async () => {
  depot = await openDepot();
});
after(async () => {
  await depot.close();
  await stopTestServer();
});

/** A snapshot of the root volume of a new instance, shared with the other project. */
async function shared(name: string): Promise<string> {
  const { ask, instance, hosts, settle } = depot;
  await instance(`host-of-${name}`, { home: hosts.h1 });
  const wanted = { volume: `host-of-${name}.root`, name };
  const { id } = await ask("createSnapshot", {}, wanted);
  await settle();
  const view = await ask("shareSnapshot", { snapshot: name }, { add: ["other"] });
  assert.deepEqual(view.sharedWith, ["other"]);
  return id;
}

test("it is seen by its id and nothing is said of its volume; with the share the sight goes", async () => {
  const { ask, refusal, other } = depot;
  const id = await shared("seen");
  const view = await ask("getSnapshot", { snapshot: id }, undefined, other);
  assert.deepEqual(
    [view.project, view.volume, view.volumeId, view.tags, view.sharedWith],
    ["default", null, null, {}, []],
  );
  const { snapshots } = await ask("listSnapshots", {}, undefined, other);
  assert.deepEqual(
    snapshots.map((one) => one.id),
    [id],
  );
  const hidden = async (snapshot: string) =>
    (await refusal("getSnapshot", { snapshot }, undefined, other)).code;
  assert.equal(await hidden("seen"), "snapshot_not_found", "a name could be anybody's");
  const own = await ask(
    "shareSnapshot",
    { snapshot: "seen" },
    { add: ["default"], remove: ["other"] },
  );
  assert.deepEqual(own.sharedWith, []);
  assert.equal(await hidden(id), "snapshot_not_found");
  assert.deepEqual((await ask("listSnapshots", {}, undefined, other)).snapshots, []);
  const copy = await refusal("copySnapshot", { snapshot: id }, { name: "late" }, other);
  assert.equal(copy.code, "snapshot_not_found");
});

test("a volume and a copy can be made of it, which outlive the share and the snapshot", async () => {
  const { ask, settle, other } = depot;
  const id = await shared("lent");
  await ask("createVolumeFromSnapshot", { snapshot: id }, { name: "mine" }, other);
  await ask("copySnapshot", { snapshot: id }, { name: "kept" }, other);
  const { doing } = await ask("getVolume", { volume: "host-of-lent.root" });
  assert.deepEqual(
    doing.map(({ by }) => by),
    ["project other", "project other"],
    "whom it was shared with, and nobody in it by name",
  );
  await ask("shareSnapshot", { snapshot: "lent" }, { remove: ["other"] });
  await ask("deleteSnapshot", { snapshot: "lent" });
  assert.deepEqual(
    [...(await settle())].sort(),
    ["copy", "copy", "remove-snapshot", "snapshot"],
    "what was asked for while it was shared is done",
  );
  const made = await ask("getVolume", { volume: "mine" }, undefined, other);
  assert.deepEqual([made.state, made.project, made.fromSnapshot], ["ready", "other", id]);
  const kept = await ask("getSnapshot", { snapshot: "kept" }, undefined, other);
  assert.deepEqual([kept.state, kept.volume, kept.project], ["ready", "kept", "other"]);
  await ask("createVolumeFromSnapshot", { snapshot: "kept" }, { name: "again" }, other);
  assert.deepEqual(await settle(), ["copy"]);
});

test("nothing else can be done with it", async () => {
  const { refusal, counts, other } = depot;
  const id = await shared("fixed");
  const before = await counts();
  for (const [name, body] of [
    ["restoreSnapshot", {}],
    ["createImageFromSnapshot", { name: "golden" }],
    ["shareSnapshot", { add: ["default"] }],
    ["deleteSnapshot", undefined],
  ] as const) {
    const refused = await refusal(name, { snapshot: id }, body, other);
    assert.equal(refused.code, "snapshot_shared", name);
  }
  assert.deepEqual(await counts(), before);
});

test("what keeps it from being copied is told without a word of whose and what", async () => {
  const { ask, refusal, settle, database, other } = depot;
  const id = await shared("busy");
  const about = async () => {
    const refused = await refusal("copySnapshot", { snapshot: id }, { name: "early" }, other);
    assert.doesNotMatch(refused.message + JSON.stringify(refused), /host-of|tester/);
    return refused.code;
  };
  const at = (values: string) =>
    database.query(`update instance set ${values} where name = 'host-of-busy'`);
  await at("state = 'migrating', op = '{}'");
  assert.equal(await about(), "volume_busy");
  await at("state = 'stopped', op = null, home = null");
  await ask("restoreSnapshot", { snapshot: "busy" }, {});
  assert.equal(await about(), "volume_busy", "while its volume is restored");
  await settle();
  const volumes = "update volume set state = $1 where kind = 'root' and id = $2";
  const { volumeId } = await ask("getSnapshot", { snapshot: "busy" });
  await database.query(volumes, ["failed", volumeId]);
  assert.equal(await about(), "snapshot_not_ready", "while its volume is damaged");
  await database.query(volumes, ["ready", volumeId]);
});

test("only within the organisation, and only whole ones are seen", async () => {
  const { ask, refusal, instance, hosts, settle, other } = depot;
  await instance("late", { home: hosts.h1 });
  const { id } = await ask("createSnapshot", {}, { volume: "late.root", name: "later" });
  await ask("shareSnapshot", { snapshot: "later" }, { add: [other] });
  const see = () => ask("getSnapshot", { snapshot: id }, undefined, other);
  await assert.rejects(see, { code: "snapshot_not_found" });
  await settle();
  assert.equal((await see()).state, "ready");
  const nobody = await refusal("shareSnapshot", { snapshot: "later" }, { add: ["nobody"] });
  assert.equal(nobody.code, "project_not_found");
  await ask("deleteSnapshot", { snapshot: "later" });
  await assert.rejects(see, { code: "snapshot_not_found" });
  await settle();
});
