/** The files that keys are handed over in: empty as soon as nobody needs them, whatever has become of whom. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { openKeys, wipeKeysOf } from "./block-keys.ts";
import { keyFd } from "./launch.ts";

const disk = (key: string | undefined) => ({
  ...{ id: "d", source: fileSource("/nowhere", "qcow2", false), readOnly: false },
  ...(key === undefined ? {} : { key }),
});
const own = process.getuid?.() ?? 0;
/** What is in those that this process has open. */
const opened = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const file = `/proc/self/fd/${fd}`;
      return readlinkSync(file).startsWith("/dev/shm/holdfast-key-")
        ? [readFileSync(file, "utf8")]
        : [];
    } catch {
      return []; // It was for reading the directory.
    }
  });

test("keys are wiped once, and none is left open where they cannot be handed over", async () => {
  const keys = await openKeys([disk("a-key"), disk(undefined), disk("a-key-more")], own);
  assert.equal(keys.files.length, 2);
  assert.deepEqual(opened(), ["a-key", "a-key-more"]);
  await keys.wipe();
  await keys.wipe();
  assert.deepEqual(opened(), []);
  await assert.rejects(openKeys([disk("a-key"), disk("a-key-more")], -2));
  assert.deepEqual(opened(), []);
});

test("the keys of a process whose launcher was killed are wiped by whoever takes it over", async () => {
  const keys = await openKeys([disk("a-key"), disk("a-key-more")], own);
  const stdio: ("ignore" | number)[] = Array(keyFd(0) + 1).fill("ignore");
  for (const [index, { fd }] of keys.files.entries()) stdio[keyFd(index)] = fd;
  const child = spawn("sleep", ["60"], { stdio });
  try {
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    const read = () =>
      [0, 1].map((index) => readFileSync(`/proc/${pid}/fd/${keyFd(index)}`, "utf8"));
    assert.deepEqual(read(), ["a-key", "a-key-more"]);
    await wipeKeysOf(pid);
    assert.deepEqual(read(), ["", ""]);
  } finally {
    child.kill("SIGKILL");
    await keys.wipe();
  }
});
