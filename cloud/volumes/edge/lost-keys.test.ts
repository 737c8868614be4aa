/** Encrypted volumes whose key nobody can open, on a real database: nothing is begun with them, and nothing waits for ever. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StorageTask } from "@holdfast/cloud/hosts";
import { minutes } from "@holdfast/kernel/time";
import { readJournal } from "@holdfast/store/journal";
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

/** An encrypted volume with two snapshots and a backup. */
async function locked(name: string) {
  const { ask, settle } = depot;
  await ask("createVolume", {}, { name, sizeGiB: 1, pool: "fast", encrypted: true });
  await settle();
  for (const one of ["old", "new"])
    await ask("createSnapshot", {}, { volume: name, name: `${name}-${one}` });
  const { id: backup } = await ask("createBackup", {}, { volume: name });
  await settle();
  return { backup, old: `${name}-old`, fresh: `${name}-new` };
}

const missing = {
  kind: "conflict",
  code: "volume_key_missing",
  message: "This volume is encrypted, and its host was not told its key.",
  fix: "See whether the managers have the platform key",
} as const;
const isRemoval = (task: StorageTask) =>
  task.do === "remove-snapshot" ? ({ is: "failed", problem: missing } as const) : {};
const snapshot = (name: string) => depot.ask("getSnapshot", { snapshot: name });
const forced = (name: string) =>
  depot.ask("deleteSnapshot", { snapshot: name }, undefined, undefined, { force: "true" });

test("nothing that reads or writes it is begun", async () => {
  const { ask, refusal, settle, counts, loseKeys } = depot;
  const { backup, old, fresh } = await locked("lost");
  loseKeys(true);
  const before = await counts();
  const refused = [
    await refusal("createSnapshot", {}, { volume: "lost", name: "more" }),
    await refusal("restoreSnapshot", { snapshot: old }, {}),
    await refusal("copySnapshot", { snapshot: old }, { name: "copy" }),
    await refusal("createVolumeFromSnapshot", { snapshot: old }, { name: "copy" }),
    await refusal("createImageFromSnapshot", { snapshot: old }, { name: "golden" }),
    await refusal("createImageFrom", { volume: "lost" }, { name: "golden" }),
    await refusal("createBackup", {}, { volume: "lost" }),
    await refusal("restoreBackup", { backup }, {}),
    await refusal("restoreBackup", { backup }, { name: "copy" }),
    await refusal("deleteSnapshot", { snapshot: fresh }),
  ];
  for (const { code } of refused) assert.equal(code, "volume_key_missing");
  assert.match(refused.at(-1)?.details.fix ?? "", /snapshots delete SNAPSHOT --force/);
  assert.deepEqual(await counts(), before);
  await ask("deleteBackup", { backup });
  assert.deepEqual(await settle(), ["remove-backup"], "which looks at nothing that is in it");

  const gone = await forced(fresh);
  assert.ok(gone.isForgotten);
  assert.deepEqual(await settle(), [], "nobody is asked for what nobody can do");
  const words = await readJournal(depot.database, gone.volumeId ?? "");
  assert.deepEqual(
    words.filter(({ event }) => event === "command-delete-snapshot").map(({ detail }) => detail),
    [{ id: gone.id, name: fresh, isForgotten: true }],
  );
  loseKeys(false);
  assert.ok(!(await forced(old)).isForgotten);
  assert.equal((await snapshot(old)).state, "deleting", "what can be removed is");
  assert.deepEqual(await settle(), ["remove-snapshot"]);
  await ask("deleteVolume", { volume: "lost" });
  assert.deepEqual(await settle(), ["remove"]);
});

test("a removal that no host can carry out ends, and is asked for again or forced", async () => {
  const { ask, refusal, settle } = depot;
  const { backup, old, fresh } = await locked("stuck");
  await ask("deleteSnapshot", { snapshot: old });
  assert.deepEqual(await settle(isRemoval), ["remove-snapshot"]);
  const { state, problem } = await snapshot(old);
  assert.deepEqual([state, problem?.code], ["ready", "volume_key_missing"]);
  assert.match(problem?.fix ?? "", /--force/);
  await ask("deleteSnapshot", { snapshot: old });
  assert.equal((await snapshot(old)).problem, null);
  assert.deepEqual(await settle(isRemoval), ["remove-snapshot"]);
  await forced(old);
  assert.equal((await refusal("getSnapshot", { snapshot: old })).code, "snapshot_not_found");
  await ask("deleteBackup", { backup });
  await ask("deleteSnapshot", { snapshot: fresh });
  assert.deepEqual(await settle(), ["remove-backup", "remove-snapshot"]);
  await ask("deleteVolume", { volume: "stuck" });
  await settle();
});

test("one that is tried again and again is forced as well, and keeps no volume from being deleted", async () => {
  const { ask, hosts, round, tasks, says, settle, counts } = depot;
  const before = await counts();
  const { backup, old, fresh } = await locked("away");
  await ask("deleteBackup", { backup });
  await settle();
  const away = { kind: "unavailable", code: "pool_unreachable", message: "The pool is away." };
  const fail = async () => {
    await round();
    const [task] = [...(await tasks(hosts.h1)), ...(await tasks(hosts.h2))];
    const by = (await tasks(hosts.h1)).length > 0 ? hosts.h1 : hosts.h2;
    await says(by, task, { is: "failed", problem: away });
  };
  await ask("deleteSnapshot", { snapshot: old });
  await forced(old);
  assert.equal((await snapshot(old)).state, "deleting", "its host has not been asked yet");
  await fail();
  await forced(old);
  await ask("deleteSnapshot", { snapshot: fresh });
  await fail();
  await ask("deleteVolume", { volume: "away" });
  assert.deepEqual(await settle(), ["remove"]);
  assert.deepEqual(await counts(), before);
});

test("what is being copied is not forgotten, and a copy that comes to nothing leaves nothing", async () => {
  const { ask, refusal, settle, counts, loseKeys, round } = depot;
  const before = await counts();
  const { backup, old, fresh } = await locked("copied");
  await ask("deleteBackup", { backup });
  await ask("restoreSnapshot", { snapshot: old }, {});
  await settle();
  for (const one of [old, fresh]) await ask("deleteSnapshot", { snapshot: one });
  await settle(isRemoval);
  await forced(fresh);
  await ask("createVolumeFromSnapshot", { snapshot: old }, { name: "copy" });
  await round();
  const query = { force: "true" };
  const refused = await refusal("deleteSnapshot", { snapshot: old }, undefined, undefined, query);
  assert.equal(refused.code, "volume_busy");
  assert.deepEqual(await settle(), ["copy"], "the replaced file that it lies in is still there");
  await forced(old);
  assert.deepEqual(await settle(), ["remove"]);

  await ask("createSnapshot", {}, { volume: "copy", name: "copy-old" });
  await settle();
  await ask("copySnapshot", { snapshot: "copy-old" }, { name: "unmade" });
  await round();
  loseKeys(true);
  await forced("unmade");
  loseKeys(false);
  assert.deepEqual(await settle(), ["remove"], "nothing is made for nobody");
  for (const volume of ["copied", "copy"]) await ask("deleteVolume", { volume });
  await settle();
  assert.deepEqual(await counts(), before);
});

test("what was kept for an image alone is removed once its volume can be opened again", async () => {
  const { ask, settle, round, tasks, says, hosts, pass, counts } = depot;
  const before = await counts();
  const { backup, old, fresh } = await locked("captured");
  for (const one of [old, fresh]) await ask("deleteSnapshot", { snapshot: one });
  await settle();
  await ask("createImageFrom", { volume: "captured" }, { name: "golden" });
  const step = async (what: string, said = {}) => {
    await round();
    const by = (await tasks(hosts.h1)).length > 0 ? hosts.h1 : hosts.h2;
    const [task] = await tasks(by);
    assert.equal(task?.do, what);
    await says(by, task, said);
  };
  await step("snapshot");
  await step("extract");
  await round();
  const by = (await tasks(hosts.h1)).length > 0 ? hosts.h1 : hosts.h2;
  const [removal] = await tasks(by);
  await ask("deleteBackup", { backup });
  await says(by, removal, { is: "failed", problem: missing });
  await step("remove-backup");
  pass(minutes(1));
  await step("remove-snapshot");
  await ask("deleteVolume", { volume: "captured" });
  await settle();
  assert.deepEqual(await counts(), before);
});
