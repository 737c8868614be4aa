/** Stamps in a real directory. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stampFolder } from "./stamps.ts";

test("hosts see each other's stamps, and a probe claims nothing", async (t) => {
  const pool = temporary(t);
  const [one, two] = [stampFolder(pool), stampFolder(pool)];
  assert.deepEqual(await one.read(), new Map());
  await one.write("h1", "100");
  await two.probe("h2");
  assert.deepEqual(await two.read(), new Map([["h1", "100"]]));
  await one.write("h1", "99"); // Shorter, as after a reboot.
  assert.deepEqual(await two.read(), new Map([["h1", "99"]]));
  assert.deepEqual(readdirSync(join(pool, ".holdfast", "alive")), ["h1"]);
});

test("a reader never sees half a stamp", async (t) => {
  const pool = temporary(t);
  const [writer, reader] = [stampFolder(pool), stampFolder(pool)];
  const stamps = Array.from({ length: 200 }, (_, index) => String(10 ** (index % 12)));
  await writer.write("h1", "1");
  let isOver = false;
  const writing = (async () => {
    for (const stamp of stamps) await writer.write("h1", stamp);
    isOver = true;
  })();
  while (!isOver) assert.match((await reader.read()).get("h1") ?? "none", /^10*$/);
  await writing;
});

test("an empty file of a host that was cut off while it made it is no stamp", async (t) => {
  const pool = temporary(t);
  await stampFolder(pool).write("h1", "1");
  writeFileSync(join(pool, ".holdfast", "alive", "h2"), "");
  assert.deepEqual([...(await stampFolder(pool).read()).keys()], ["h1"]);
});

test("a pool that is not there is a fault and not an empty pool", async (t) => {
  const gone = stampFolder(join(temporary(t), "not-mounted"));
  await assert.rejects(gone.read());
  await assert.rejects(gone.write("h1", "1"));
  await assert.rejects(gone.probe("h1"));
});

test("a host's name cannot lead out of the folder", async (t) => {
  await assert.rejects(stampFolder(temporary(t)).write("../h1", "1"));
});

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hf-pool-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}
