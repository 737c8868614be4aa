/** `images build`: what is asked of the program that builds, what is printed, and that nothing is left behind. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import * as images from "@holdfast/cloud/images/api";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import { type BuildOrder, builder } from "./building.ts";
import { exits } from "./exits.ts";
import { type Cloud, fakeCloud } from "./fake-cloud.ts";
import { anImage } from "./samples.ts";
import { desk } from "./testing.ts";
import { Interrupted, type World } from "./world.ts";

async function folder(t: TestContext) {
  const path = await mkdtemp(join(tmpdir(), "holdfast-building-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Stands in for the set-up program: makes a file, speaks, and deletes the file when its input ends. */
async function fakeProgram(t: TestContext, words: readonly object[], more = ""): Promise<string> {
  const directory = await folder(t);
  const file = join(directory, "program.mjs");
  const text = `
    import { rmSync, writeFileSync } from "node:fs";
    const made = ${JSON.stringify(join(directory, "made"))};
    writeFileSync(made, process.argv.slice(2).join(" "));
    for (const word of ${JSON.stringify(words)}) console.log(JSON.stringify(word));
    ${more}
    process.stdin.on("end", () => rmSync(made)).resume();`;
  await writeFile(file, text);
  return file;
}

const built = {
  is: "built",
  file: "/w/disk.qcow2",
  bytes: 5,
  smallestMemoryMiB: 256,
  bootSeconds: 900,
  says: "Linux 6",
};
const orderOf = (change: Partial<BuildOrder> = {}): BuildOrder => ({
  recipe: "debian-12",
  work: "/w",
  signal: new AbortController().signal,
  ...change,
});

test("what the program says is heard, and what it made is there until it is released", async (t) => {
  const program = await fakeProgram(t, [{ is: "step", step: "make the disk" }, built]);
  const heard: object[] = [];
  const mirror = "http://m.example/debian";
  const result = await builder(program)(orderOf({ mirror }), (word) => heard.push(word));
  assert.deepEqual(heard, [{ is: "step", step: "make the disk" }]);
  assert.equal(result.file, "/w/disk.qcow2");
  const made = join(program, "../made");
  assert.equal(await readFile(made, "utf8"), `build-image debian-12 --work /w --mirror ${mirror}`);
  await result.release();
  assert.ok(!existsSync(made));
});

test("what it failed with is told as it is", async (t) => {
  const failed = {
    is: "failed",
    problem: { kind: "unavailable", code: "mirror_unreachable", message: "Away.", fix: "Wait." },
  };
  const program = await fakeProgram(t, [failed]);
  await assert.rejects(
    builder(program)(orderOf(), () => {}),
    {
      kind: "unavailable",
      code: "mirror_unreachable",
      details: { fix: "Wait." },
    },
  );
  assert.ok(!existsSync(join(program, "../made")));
});

test("Ctrl-C lets it clean up before anything else happens", async (t) => {
  const program = await fakeProgram(t, [{ is: "step", step: "download" }]);
  const stop = new AbortController();
  const working = builder(program)(orderOf({ signal: stop.signal }), () =>
    stop.abort(new Interrupted()),
  );
  await assert.rejects(working, Interrupted);
  assert.ok(!existsSync(join(program, "../made")));
});

test("one that ends without a word is a bug, and its last words are kept", async (t) => {
  const program = await fakeProgram(t, [], 'console.error("no such recipe"); process.exit(1);');
  await assert.rejects(
    builder(program)(orderOf(), () => {}),
    /has ended: no such recipe/,
  );
});

/** A manager that takes an image in, and remembers what it was told of it. */
async function given(
  t: TestContext,
  {
    present = [],
    arrives = "ready",
  }: { present?: readonly images.ImageView[]; arrives?: images.ImageView["state"] } = {},
) {
  const cloud = fakeCloud();
  const bodies: unknown[] = [];
  const handlers = [
    handle(images.listImages, async () => ({ images: [anImage, ...present], next: null })),
    handle(images.importImage, async ({ body }) => {
      bodies.push(body);
      return { ...anImage, name: body.name, state: "importing" as const };
    }),
  ];
  const own: Cloud = { ...cloud, handlers: [...handlers, ...cloud.handlers] };
  let sent = 0;
  const one = await desk(own, {
    before: (request, response) => {
      if (request.method !== "PUT") return false;
      request.on("data", (piece: Buffer) => {
        sent += piece.length;
      });
      request.on("end", () =>
        response.end(
          JSON.stringify({ ...anImage, name: "debian-12", project: "default", state: arrives }),
        ),
      );
      return true;
    },
  });
  t.after(() => one.stop());
  return { type: one.type, manager: one.manager, bodies, sent: () => sent };
}

/** Builds `bytes` of nothing, and counts how often it was released. */
async function fakeBuilder(t: TestContext, bytes: number) {
  const file = join(await folder(t), "disk.qcow2");
  await writeFile(file, Buffer.alloc(bytes));
  const orders: BuildOrder[] = [];
  let released = 0;
  const buildImage: World["buildImage"] = async (order, hear) => {
    orders.push(order);
    hear({ is: "lacking", packages: [{ name: "mmdebstrap", why: "puts it together" }] });
    hear({ is: "step", step: "make the disk" });
    const release = async () => void ++released;
    return { ...built, is: "built", file, bytes, release };
  };
  return { buildImage, orders, released: () => released };
}

test("a recipe becomes an image: built here, sent, and nothing of it is left here", async (t) => {
  const manager = await given(t);
  const { buildImage, orders, released } = await fakeBuilder(t, 100_000);
  const { code, out, err } = await manager.type(
    "images build debian-12 --mirror http://m.example/d",
    {
      buildImage,
    },
  );
  assert.equal(code, 0, err);
  assert.deepEqual(manager.bodies, [
    { name: "debian-12", smallestMemoryMiB: 256, saysReady: true, bootSeconds: 900 },
  ]);
  assert.equal(manager.sent(), 100_000);
  assert.equal(released(), 1);
  assert.equal(orders[0]?.mirror, "http://m.example/d");
  assert.match(err, /missing and will be installed:\n {4}mmdebstrap +puts it together\n/);
  assert.match(err, /debian-12: make the disk\n/);
  assert.match(err, /debian-12: built in .*: Linux 6, /);
  assert.match(out, /^debian-12 {2}ready/);
});

test("what was built is waited for only if that is asked for", async (t) => {
  const manager = await given(t, { arrives: "importing" });
  const { buildImage } = await fakeBuilder(t, 10);
  const { code, out } = await manager.type("images build debian-12", { buildImage });
  assert.equal(code, 0);
  assert.match(out, /^debian-12 {2}importing/);
  const other = await manager.type("images build debian-12 --wait", { buildImage });
  assert.match(other.out, /ready/);
});

test("a name that is taken is found out before minutes are spent", async (t) => {
  const manager = await given(t, {
    present: [{ ...anImage, name: "debian-12", project: "default" }],
  });
  const { buildImage, orders } = await fakeBuilder(t, 10);
  const { code, err } = await manager.type("images build debian-12", { buildImage });
  assert.equal(code, exits.conflict.code);
  assert.match(err, /There is an image debian-12/);
  assert.deepEqual(orders, []);
  const other = await manager.type("images build debian-12 --name mine", { buildImage });
  assert.equal(other.code, 0, other.err);
  assert.match(JSON.stringify(manager.bodies), /"mine"/);
});

test("a build that fails ends as its kind says, and registers nothing", async (t) => {
  const manager = await given(t);
  const buildImage: World["buildImage"] = () =>
    Promise.reject(problem("forbidden", "root_needed", "Only root may.", { fix: "sudo" }));
  const { code, err } = await manager.type("images build debian-12", { buildImage });
  assert.equal(code, exits.denied.code);
  assert.match(err, /Only root may/);
  assert.deepEqual(manager.bodies, []);
});

test("what is interrupted while it is sent is taken back", async (t) => {
  const stop = new AbortController();
  const cloud = fakeCloud();
  const one = await desk(cloud, {
    before: (request) => {
      if (request.method !== "PUT") return false;
      request.once("data", () => stop.abort(new Interrupted()));
      return true; // And never answers.
    },
  });
  t.after(() => one.stop());
  const { buildImage, released } = await fakeBuilder(t, 50_000_000);
  const interrupted = stop.signal;
  const { code } = await one.type("images build debian-12", { buildImage, interrupted });
  assert.equal(code, exits.interrupted.code);
  assert.equal(released(), 1);
  assert.ok(one.manager.heard.some(({ line }) => /^DELETE .*\/images\//.test(line)));
});

test("an unknown recipe is a mistake in the command line, which names those that there are", async (t) => {
  const manager = await given(t);
  const { code, err } = await manager.type("images build windows");
  assert.equal(code, exits.usage.code);
  assert.match(err, /debian-12/);
});
