/** Values that an agent keeps as lines of one file. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { z } from "zod";
import { keptLines } from "./kept-lines.ts";

const directory = await mkdtemp(join(tmpdir(), "hf-lines-"));
after(() => rm(directory, { recursive: true }));
let files = 0;
const aFile = () => join(directory, `${++files}.jsonl`);
const shape = z.object({ is: z.string() });
const open = (file: string) => keptLines(file, shape);

/** What an agent that begins now finds. */
async function found(file: string) {
  const lines = await open(file);
  await lines.close();
  return lines.found.map(({ is }) => is);
}

test("what was kept last under each name is found, and nothing that was removed", async () => {
  const file = aFile();
  const lines = await open(file);
  const changes = [
    lines.write("a", { is: "old" }),
    lines.write("b", { is: "b\nwith a line break" }),
    lines.write("a", { is: "new" }),
    lines.write("c", { is: "c" }),
    lines.remove("c"),
    lines.remove("never there"),
  ];
  await Promise.all(changes);
  assert.deepEqual(await found(file), ["b\nwith a line break", "new"]);
  await lines.close();
  await assert.rejects(lines.write("d", { is: "too late" }), /closed/);
});

test("a line that was cut short is none, and those before and behind it count", async () => {
  const file = aFile();
  const lines = await open(file);
  await lines.write("a", { is: "whole" });
  appendFileSync(file, '\n["a",{"is":"ha');
  await lines.write("b", { is: "behind" });
  await lines.close();
  assert.deepEqual(await found(file), ["whole", "behind"]);
  appendFileSync(file, '\n["b"');
  assert.deepEqual(await found(file), ["whole", "behind"]);
  const next = await open(file);
  await next.write("c", { is: "new" });
  await next.close();
  assert.deepEqual(await found(file), ["whole", "behind", "new"]);
});

test("what has another shape than now is dropped, and what was half written anew is removed", async () => {
  const file = aFile();
  writeFileSync(
    file,
    '\n["a",{"is":1}]\n["b",{"is":"b"}]\n["b",{"was":"c"}]\n["d",{"is":"d"}]\nnull\n[7]',
  );
  writeFileSync(`${file}.tmp`, '\n["a"');
  assert.deepEqual(await found(file), ["d"]);
  assert.ok(!(await readdir(directory)).some((name) => name.endsWith(".tmp")));
});

test("a file does not grow beyond twice of what counts and a little more, and is empty when nothing does", async () => {
  const file = aFile();
  const lines = await open(file);
  const long = "x".repeat(1_000);
  for (let turn = 0; turn < 300; turn++) {
    await lines.write("a", { is: `${turn} ${long}` });
    if (turn % 7 === 0) await lines.write(`b${turn % 3}`, { is: long });
    assert.ok(statSync(file).size < 2 * 4_100 + 66_000, `${statSync(file).size} bytes`);
  }
  assert.deepEqual((await found(file)).toSorted(), [`299 ${long}`, long, long, long]);
  await Promise.all(["a", "b0", "b1", "b2"].map((name) => lines.remove(name)));
  await lines.close();
  assert.equal(readFileSync(file, "utf8"), "");
});

test("what a full disk refuses is not kept, and all else is, also what is removed there", async () => {
  const { file, said } = await onASmallDisk(`
    await lines.write("a", { is: "a" });
    await lines.write("b", { is: "b" });
    const refused = [lines.write("a", { is: long(20) }), lines.write("c", { is: "c" })];
    say(await Promise.allSettled(refused));
    await lines.remove("b");
    await lines.write("d", { is: "d" });
  `);
  assert.deepEqual(said, ["rejected", "rejected"]);
  assert.deepEqual(await found(file), ["a", "d"]);
});

test("nor is it kept where the file can only be written anew later, and what was to be removed is gone then", async () => {
  const { file, said } = await onASmallDisk(`
    await lines.write("a", { is: long(9) });
    await lines.write("b", { is: "b" });
    mkdirSync(file + ".tmp"); // Nor can it be written anew.
    // All of the first fits, and with it nothing else.
    say(await Promise.allSettled([lines.write("c", { is: "c" }), lines.write("d", { is: long(9) })]));
    say(await Promise.allSettled([lines.remove("b")]));
    truncateSync(file, statSync(file).size - 4_000);
    await lines.write("e", { is: "e" });
    rmdirSync(file + ".tmp");
    await lines.write("f", { is: "f" });
  `);
  assert.deepEqual(said, ["rejected", "rejected", "rejected"]);
  assert.deepEqual(
    (await found(file)).map((each) => each.slice(0, 1)),
    ["x", "e", "f"],
  );
});

/** Carries out such lines of a program where more than 16 KiB of a file are refused as on a full disk. */
async function onASmallDisk(body: string) {
  const file = aFile();
  const script = `
    import { mkdirSync, rmdirSync, statSync, truncateSync } from "node:fs";
    import { keptLines } from ${JSON.stringify(join(import.meta.dirname, "kept-lines.ts"))};
    import { z } from "zod";
    const file = ${JSON.stringify(file)};
    const lines = await keptLines(file, z.object({ is: z.string() }));
    const long = (kilobytes) => "x".repeat(kilobytes * 1_000);
    const said = [];
    const say = (settled) => said.push(...settled.map(({ status }) => status));
    ${body}
    await lines.close();
    console.log(said.join(" "));
  `;
  const limited = `trap '' XFSZ; ulimit -f 16; exec "$0" --import tsx --input-type=module -e "$1"`;
  const child = spawn("bash", ["-c", limited, process.execPath, script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const words: Buffer[] = [];
  child.stdout.on("data", (data) => words.push(data));
  await once(child, "close");
  return { file, said: Buffer.concat(words).toString().trim().split(" ") };
}
