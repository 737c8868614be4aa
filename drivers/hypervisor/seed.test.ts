/** The disk for cloud-init, as QEMU itself presents it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { specOf } from "./contract.ts";
import { pathsOf } from "./incarnation.ts";
import { qemuArgv } from "./qemu-argv.ts";

const run = promisify(execFile);

test("a seed is a file system called cidata with its files in it, and nobody gets one unasked", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-seed-"));
  t.after(() => rm(directory, { recursive: true }));
  const texts = { "meta-data": '{"instance-id":"i-1"}', "user-data": "#cloud-config\n" };
  const spec = { ...specOf(), seed: texts };
  const paths = pathsOf(directory, spec);
  await mkdir(paths.seed, { recursive: true });
  for (const [name, text] of Object.entries(texts)) await writeFile(join(paths.seed, name), text);
  const hardware = { acceleration: "tcg", translationMiB: 32, tscKHz: undefined } as const;
  const node = qemuArgv(spec, paths, hardware).find((word) => word.includes("vvfat")) ?? "";
  const { "node-name": name, ...source } = JSON.parse(node);
  assert.equal(name, "cidata");
  const raw = join(directory, "seed.raw");
  await run("qemu-img", ["convert", "-O", "raw", `json:${JSON.stringify(source)}`, raw]);
  const disk = await readFile(raw);
  const start = disk.readUInt32LE(446 + 8) * 512; // Of the only partition.
  const sectors = (at: number) => disk.readUInt16LE(start + at);
  const root = start + (sectors(14) + 2 * sectors(22)) * 512; // Behind both tables.
  assert.equal(
    disk
      .subarray(root, root + 11)
      .toString("latin1")
      .trim(),
    "cidata",
  );
  const entries = disk
    .subarray(root, root + 32 * 16)
    .toString("latin1")
    .replaceAll("\0", "");
  assert.match(entries, /m.?e.?t.?a.?-/i);
  for (const text of Object.values(texts)) assert.ok(disk.includes(text), text);
  assert.ok(!qemuArgv(specOf(), paths, hardware).some((word) => word.includes("vvfat")));
});
