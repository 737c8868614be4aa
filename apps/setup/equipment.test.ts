/** What a machine was once given, and what its agent and guard are told of it. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  blockPoolIn,
  environmentOf,
  poolIn,
  recallEquipment,
  standbyIn,
  watchdogIn,
} from "./equipment.ts";

async function folder(t: TestContext) {
  const path = await mkdtemp(join(tmpdir(), "holdfast-equipment-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("a machine that was given nothing has nothing, and nothing is written", async (t) => {
  const state = await folder(t);
  const equipment = await recallEquipment(state, {});
  assert.deepEqual(environmentOf(equipment), {});
  await assert.rejects(stat(join(state, "equipment.json")), { code: "ENOENT" });
});

test("what was given once is there the next time, and what is given then is added or replaced", async (t) => {
  const state = await folder(t);
  await recallEquipment(state, { pool: { fast: "/srv/fast" }, watchdog: "/dev/watchdog" });
  const told = { HOLDFAST_POOLS: '{"fast":"/srv/fast"}', HOLDFAST_WATCHDOG: "/dev/watchdog" };
  assert.deepEqual(environmentOf(await recallEquipment(state, {})), told);
  await recallEquipment(state, { pool: { fast: "/mnt/fast", slow: "/srv/slow" } });
  await recallEquipment(state, { watchdog: "none" });
  assert.deepEqual(environmentOf(await recallEquipment(state, {})), {
    HOLDFAST_POOLS: '{"fast":"/mnt/fast","slow":"/srv/slow"}',
  });
});

test("memory for processes on standby is a number of MiB, and none is none", async (t) => {
  const state = await folder(t);
  await recallEquipment(state, { standby: standbyIn("512") });
  const told = { HOLDFAST_STANDBY_MIB: "512" };
  assert.deepEqual(environmentOf(await recallEquipment(state, {})), told);
  assert.deepEqual(environmentOf(await recallEquipment(state, { standby: standbyIn("0") })), {});
  for (const odd of ["", "-1", "1.5", "much", "1G"]) assert.throws(() => standbyIn(odd), /MiB/);
});

test("a pool is a name and a directory that is the same everywhere, and may be given again and again", () => {
  const fast = poolIn("fast=/srv/a=b");
  assert.deepEqual(poolIn("slow=/srv/slow", fast), { fast: "/srv/a=b", slow: "/srv/slow" });
  for (const odd of ["", "fast", "fast=", "=/srv", "fast=srv", "local=/srv", "Fast=/srv", "a b=/s"])
    assert.throws(() => poolIn(odd), /NAME=\/DIRECTORY/, odd);
});

test("a block pool is where a storage host is, or what this one serves", async (t) => {
  const away = blockPoolIn("disks=10.0.0.5:7075");
  assert.deepEqual(away, { disks: { at: "10.0.0.5", door: 7_075 } });
  const ports = { first: 7_076, count: 1_000 };
  const serve = { directory: "/srv/disks", address: "10.0.0.5", door: 7_075, ports };
  assert.deepEqual(blockPoolIn("disks=/srv/disks@10.0.0.5:7075"), { disks: { serve } });
  for (const odd of [
    "",
    "disks",
    "disks=10.0.0.5",
    "local=10.0.0.5:7075",
    "disks=srv@h:7075",
    "d=h:65000",
  ])
    assert.throws(() => blockPoolIn(odd), /NAME=ADDRESS:PORT/, odd);
  const state = await folder(t);
  await recallEquipment(state, { blockPool: away });
  assert.deepEqual(environmentOf(await recallEquipment(state, {})), {
    HOLDFAST_BLOCK_POOLS: '{"disks":{"at":"10.0.0.5","door":7075}}',
  });
});

test("a watchdog is a device, a simulated one, or none", () => {
  for (const good of ["/dev/watchdog0", "unix:/run/w.sock", "none"])
    assert.equal(watchdogIn(good), good);
  for (const odd of ["", "watchdog", "unix:w.sock", "no"])
    assert.throws(() => watchdogIn(odd), /\/dev\/watchdog, or none/, odd);
});
