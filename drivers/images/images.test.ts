import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { type Fixtures, imagesContract, type StoreUnderTest } from "./contract.ts";
import { fileBlobs } from "./files.ts";
import { qemuDisks } from "./qemu-img.ts";
import { type SimulatedStore, simulatedBlobs, simulatedDisks } from "./simulated.ts";

const run = promisify(execFile);
const scratch = await mkdtemp(join(tmpdir(), "holdfast-images-"));
after(() => rm(scratch, { recursive: true, force: true }));
const fixtures = await makeFixtures();

imagesContract("simulated", openSimulated, fixtures);
imagesContract("real", openReal, fixtures);

test("real: what a killed process left half-written is deleted, what a living one writes is not", async () => {
  const directory = await mkdtemp(join(scratch, "killed-"));
  await fileBlobs(directory);
  const dead = join(directory, "incoming", "1-987654321-1"); // Process 1 is alive, but began at another tick.
  const living = await startOf(process.pid);
  const ours = join(directory, "incoming", `${process.pid}-${living}-9999`);
  await writeFile(dead, "half");
  await writeFile(ours, "half");
  await fileBlobs(directory);
  assert.deepEqual(await readdir(join(directory, "incoming")), [ours.split("/").at(-1)]);
});

test("real: a blob may be read by everybody and written by nobody", async () => {
  const blobs = await fileBlobs(await mkdtemp(join(scratch, "mode-")));
  const { digest } = await blobs.put(Readable.from([randomBytes(10)]));
  const file = await blobs.find(digest);
  assert.ok(file);
  assert.equal((await stat(file)).mode & 0o777, 0o444);
});

test("real: a digest that is a path does not lead out of the store", async () => {
  const blobs = await fileBlobs(await mkdtemp(join(scratch, "path-")));
  await assert.rejects(blobs.find("sha256:../../../../etc/passwd"), /not a digest/);
});

test("real: a qcow2 file whose tables contradict each other is damaged", async () => {
  const disks = await qemuDisks({ directory: await mkdtemp(join(scratch, "damaged-")) });
  const bytes = Buffer.from(fixtures.qcow2);
  bytes.fill(0, 0x10000, 0x30000); // The table of reference counts: nothing is in use, it now says.
  const file = join(scratch, "contradiction.qcow2");
  await writeFile(file, bytes);
  await assert.rejects(disks.inspect(file), { code: "image_damaged" });
});

test("real: an overlay from the template is what qemu-img would have made", async () => {
  const directory = await mkdtemp(join(scratch, "template-"));
  const disks = await qemuDisks({ directory });
  const file = join(directory, "base.qcow2");
  await writeFile(file, fixtures.qcow2);
  await disks.ensureOverlay(join(directory, "ours"), { file, format: "qcow2" }, 16 << 20);
  const theirs = join(directory, "theirs");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", file, "-F", "qcow2", theirs, "16M"]);
  assert.ok((await readFile(join(directory, "ours"))).equals(await readFile(theirs)));
  const compared = await run("qemu-img", ["compare", "-p", join(directory, "ours"), theirs]);
  assert.match(compared.stdout, /identical/);
});

test("real: the next overlay on the same image is there before it is asked for", async () => {
  const { overlay, make, stock, spare } = await stocked();
  const { ino } = await stat(join(stock, spare));
  const isOnDisk = async () =>
    (await readFile(join(stock, spare))).equals(await readFile(overlay("first")));
  await until(isOnDisk);
  let name = 0;
  const untilItIs = async (ino: number, before = async () => {}) => {
    const last = name + 1_000;
    do {
      await before();
      await make(`next-${++name}`);
    } while ((await stat(overlay(`next-${name}`))).ino !== ino && name < last);
  };
  await untilItIs(ino);
  const { ino: its, mode } = await stat(overlay(`next-${name}`));
  assert.deepEqual([its, mode & 0o777], [ino, 0o600]);
  assert.ok((await readFile(overlay(`next-${name}`))).equals(await readFile(overlay("first"))));

  const kept = await another(stock, [spare]);
  const next = await stat(join(stock, kept));
  // It is in stock at some time in between.
  await untilItIs(next.ino, async () => {
    for (let again = 0; again < 20; again++) await make("first");
    assert.ok((await readdir(stock)).includes(kept), "what is there already takes none");
  });

  const lost = await another(stock, [spare, kept]);
  await rm(join(stock, lost));
  await make("lost");
  assert.ok((await readFile(overlay("lost"))).equals(await readFile(overlay("first"))));
});

test("real: a spare that has become a volume, though it was said that it had not, never becomes another", async () => {
  const { overlay, make, stock, spare } = await stocked();
  await link(join(stock, spare), overlay("its")); // As a server did whose answer has not come.
  await until(async () => {
    await make("its");
    return !(await readdir(stock)).includes(spare);
  });
  await make("next");
  assert.notEqual((await stat(overlay("next"))).ino, (await stat(overlay("its"))).ino);
});

/** A directory with a first overlay, and one like it in stock. */
async function stocked() {
  const directory = await mkdtemp(join(scratch, "stocked-"));
  const disks = await qemuDisks({ directory });
  const file = join(directory, "base.qcow2");
  await writeFile(file, fixtures.qcow2);
  const overlay = (name: string) => join(directory, name);
  const make = (name: string) =>
    disks.ensureOverlay(overlay(name), { file, format: "qcow2" }, 16 << 20);
  await make("first");
  const stock = join(directory, "stock");
  return { overlay, make, stock, spare: await another(stock) };
}

/** The name of one in the directory that is not known yet. */
async function another(directory: string, known: readonly string[] = []): Promise<string> {
  let found: string | undefined;
  await until(async () => {
    found = (await readdir(directory)).find((each) => !known.includes(each));
    return found !== undefined;
  });
  assert.ok(found);
  return found;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, "it has not come to it");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function openSimulated(capacity = 1 << 30): Promise<StoreUnderTest> {
  const store: SimulatedStore = { files: new Map(), capacity };
  return {
    blobs: simulatedBlobs(store),
    disks: simulatedDisks(store),
    async write(name, content) {
      store.files.set(`/disks/${name}`, content);
      return `/disks/${name}`;
    },
    async read(path) {
      const bytes = store.files.get(path);
      if (!bytes) throw new Error(`no file ${path}`);
      return bytes;
    },
    used: async () => [...store.files.values()].reduce((sum, { length }) => sum + length, 0),
    close: async () => {},
  };
}

/** A store with a limit is a file system of its own, so that it is the kernel who says that it is full. */
async function openReal(capacity?: number): Promise<StoreUnderTest> {
  const directory = await mkdtemp(join(scratch, "store-"));
  if (capacity) await run("mount", ["-t", "tmpfs", "-o", `size=${capacity}`, "tmpfs", directory]);
  await mkdir(join(directory, "disks"));
  return {
    blobs: await fileBlobs(directory),
    disks: await qemuDisks({ directory: join(directory, "disks") }),
    async write(name, content) {
      const file = join(directory, "disks", name);
      await writeFile(file, content);
      return file;
    },
    read: (path) => readFile(path),
    async used() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      const sizes = await Promise.all(files.map((file) => stat(join(file.path, file.name))));
      return sizes.reduce((sum, { size }) => sum + size, 0);
    },
    async close() {
      if (capacity) await run("umount", [directory]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Who makes a header measures this machine. Where processor time is counted in ticks it now and then finds that none has passed. */
async function untilItHasMeasured(create: () => Promise<unknown>, tries = 50): Promise<void> {
  await create().catch((error: Error) => {
    if (tries === 0 || !error.message.includes("accurate CPU usage")) throw error;
    return untilItHasMeasured(create, tries - 1);
  });
}

async function makeFixtures(): Promise<Fixtures> {
  const make = async (name: string, ...args: readonly string[]) => {
    const file = join(scratch, name);
    const create = () => run("qemu-img", ["create", "-q", "-f", "qcow2", ...args, file, "8M"]);
    await untilItHasMeasured(create);
    await chmod(file, 0o600);
    return readFile(file);
  };
  const qcow2 = await make("plain");
  const secret = ["--object", "secret,id=s,data=secret"];
  const luks = ["-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"];
  const backing = await make("overlay", "-b", join(scratch, "plain"), "-F", "qcow2");
  const cut = join(scratch, "cut");
  await writeFile(cut, qcow2);
  await truncate(cut, 100_000);
  const corrupt = Buffer.from(qcow2);
  corrupt[79] = 2; // The lowest byte of the incompatible features: "corrupt".
  const odd = Buffer.alloc(1000);
  odd.writeUInt16BE(0x55aa, 510);
  const image = "image_not_an_image";
  const text = (content: string) => Buffer.from(content);
  const gzip = Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), randomBytes(2000)]);
  return {
    qcow2,
    refused: [
      {
        what: "an HTML page",
        bytes: text("<!DOCTYPE html><p>Log in"),
        says: /HTML page/,
        code: image,
      },
      { what: "gzip data", bytes: gzip, says: /gzip/, code: image },
      { what: "text", bytes: text("hello\n".repeat(500)), says: /text/, code: image },
      { what: "JSON", bytes: text('{"error":"no"}'), says: /JSON/, code: image },
      { what: "an empty file", bytes: text(""), says: /empty/, code: image },
      { what: "a blank disk", bytes: Buffer.alloc(1 << 20), says: /blank/, code: image },
      { what: "noise", bytes: Buffer.alloc(4096, 0x9e), says: /9e9e9e9e/, code: image },
      { what: "a disk cut off inside a sector", bytes: odd, says: /cut off/, code: image },
      {
        what: "a few bytes of a qcow2 file",
        bytes: qcow2.subarray(0, 50),
        says: /qcow2/,
        code: image,
      },
      { what: "an overlay", bytes: backing, says: /backing file/, code: "image_has_backing_file" },
      {
        what: "an image with its data in another file",
        bytes: await make("split", "-o", `data_file=${join(scratch, "data")}`),
        says: /data file/,
        code: "image_has_backing_file",
      },
      {
        what: "an encrypted image",
        bytes: await make("secret", ...secret, ...luks),
        says: /encrypted/,
        code: "image_encrypted",
      },
      {
        what: "a LUKS volume",
        bytes: Buffer.from("LUKS\xba\xbe", "latin1"),
        says: /encrypted/,
        code: "image_encrypted",
      },
      {
        what: "an image marked as corrupt",
        bytes: corrupt,
        says: /corrupt/,
        code: "image_damaged",
      },
      {
        what: "an image cut in half",
        bytes: await readFile(cut),
        says: /cut off/,
        code: "image_damaged",
      },
    ],
  };
}

async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  return text.replace(/^.*\) /s, "").split(" ")[19];
}
