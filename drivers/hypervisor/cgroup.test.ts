/** Against directories that look like the kernel's; contract.ts uses the real ones of this host. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { findCgroups } from "./cgroup.ts";

function tree(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "hf-cgroup-"));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(root, file, ".."), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

test("version 2: one directory, limits in its files, one file to join", async (t) => {
  const root = tree(t, {
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    "holdfast/old/memory.events": "low 0\noom 4\noom_kill 3\noom_group_kill 0\n",
  });
  const cgroups = await findCgroups("holdfast", root);
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  assert.equal(cgroups.description, "v2 (cpu, memory, pids)");
  assert.equal(read("cgroup.subtree_control"), "+cpu +memory +pids");
  assert.equal(read("holdfast/cgroup.subtree_control"), "+cpu +memory +pids");
  assert.deepEqual(await cgroups.create("vm", { cpus: 2, memoryMiB: 300 }), [
    join(root, "holdfast/vm/cgroup.procs"),
  ]);
  assert.equal(read("holdfast/vm/cpu.weight"), "200");
  assert.equal(read("holdfast/vm/memory.max"), "300M");
  assert.equal(read("holdfast/vm/pids.max"), "258");
  assert.equal(await cgroups.oomKills("old"), 3);
  assert.deepEqual((await cgroups.list()).toSorted(), ["old", "vm"]);
});

test("version 1: one directory in each tree that the host has", async (t) => {
  const root = tree(t, {
    "cpu/cgroup.procs": "",
    "memory/cgroup.procs": "",
    "memory/holdfast/old/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
  });
  const cgroups = await findCgroups("holdfast", root);
  assert.equal(cgroups.description, "v1 (cpu, memory)");
  assert.deepEqual(await cgroups.create("vm", { cpus: 2, memoryMiB: 300 }), [
    join(root, "cpu/holdfast/vm/cgroup.procs"),
    join(root, "memory/holdfast/vm/cgroup.procs"),
  ]);
  assert.equal(readFileSync(join(root, "cpu/holdfast/vm/cpu.shares"), "utf8"), "2048");
  const limit = readFileSync(join(root, "memory/holdfast/vm/memory.limit_in_bytes"), "utf8");
  assert.equal(limit, "300M");
  assert.equal(await cgroups.oomKills("old"), 2);
});

test("a host without controllers enforces nothing and still works", async (t) => {
  const cgroups = await findCgroups("holdfast", tree(t, {}));
  assert.deepEqual(await cgroups.create("vm", { cpus: 1, memoryMiB: 1 }), []);
  assert.equal(await cgroups.oomKills("vm"), 0);
  assert.equal(await cgroups.remove("vm"), true);
  assert.equal(cgroups.description, "v1 (no controllers)");
});
