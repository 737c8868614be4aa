/**
 * What every place for images and disks promises. Run it on each implementation; see images.test.ts.
 *
 * The fixtures are bytes, made once, so that both implementations judge the very same files.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { Blobs, Digest, Disks } from "./driver.ts";

/** One store, opened anew for each test. */
export interface StoreUnderTest {
  readonly blobs: Blobs;
  readonly disks: Disks;
  /** Puts a file where the disks can find it. */
  write(name: string, content: Buffer): Promise<string>;
  read(path: string): Promise<Buffer>;
  /** How many bytes are in use, temporary files included. */
  used(): Promise<number>;
  close(): Promise<void>;
}

export interface Fixtures {
  /** Sound, and 8 MiB big to a guest. */
  readonly qcow2: Buffer;
  /** By what must be said about them. */
  readonly refused: readonly {
    readonly what: string;
    readonly bytes: Buffer;
    readonly says: RegExp;
    readonly code: string;
  }[];
}

const MiB = 1 << 20;

/** `open` makes a new, empty store in which `capacity` bytes fit, or many if that is not given. */
export function imagesContract(
  name: string,
  open: (capacity?: number) => Promise<StoreUnderTest>,
  fixtures: Fixtures,
): void {
  const digestOf = (bytes: Buffer): Digest =>
    `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const promise = (
    title: string,
    body: (store: StoreUnderTest) => Promise<void>,
    capacity?: number,
  ) =>
    test(`${name}: ${title}`, async () => {
      const store = await open(capacity);
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });
  const refusal =
    (code: string, says = /./) =>
    (error: { code?: string; message: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      return true;
    };
  const raw = Buffer.alloc(MiB);
  raw.writeUInt16BE(0x55aa, 510);

  promise("a blob is found under the checksum of its bytes, whole", async ({ blobs, read }) => {
    const bytes = Buffer.from("some bytes ".repeat(100_000));
    const pieces = [bytes.subarray(0, 7), bytes.subarray(7, 500_000), bytes.subarray(500_000)];
    const put = await blobs.put(Readable.from(pieces));
    assert.deepEqual(put, { digest: digestOf(bytes), bytes: bytes.length });
    const file = await blobs.find(put.digest);
    assert.ok(file && (await read(file)).equals(bytes));
    assert.deepEqual(await blobs.list(), [put.digest]);
  });

  promise("the same bytes twice are one blob, also when they come at once", async (store) => {
    const bytes = Buffer.alloc(100_000, 7);
    const put = () => store.blobs.put(Readable.from([bytes]), digestOf(bytes));
    await Promise.all([put(), put(), put()]);
    const used = await store.used();
    await put();
    assert.equal(await store.used(), used);
    assert.deepEqual(await store.blobs.list(), [digestOf(bytes)]);
  });

  promise("a wrong checksum is refused and leaves nothing", async ({ blobs, used }) => {
    const before = await used();
    const expected = digestOf(Buffer.from("other bytes"));
    await assert.rejects(
      blobs.put(Readable.from([Buffer.from("bytes")]), expected),
      refusal("checksum_mismatch"),
    );
    assert.deepEqual(await blobs.list(), []);
    assert.equal(await used(), before);
  });

  promise("a stream that breaks off leaves nothing and says why", async ({ blobs, used }) => {
    const before = await used();
    const breaking = Readable.from(
      (async function* () {
        yield Buffer.alloc(10_000);
        throw new Error("the cable was pulled");
      })(),
    );
    await assert.rejects(blobs.put(breaking), /the cable was pulled/);
    assert.deepEqual(await blobs.list(), []);
    assert.equal(await used(), before);
  });

  promise(
    "a full store refuses, leaves nothing, and works again with something smaller",
    async ({ blobs, used }) => {
      const before = await used();
      const endless = Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(64 << 10, 1)));
      await assert.rejects(blobs.put(endless), refusal("store_full"));
      assert.equal(await used(), before);
      await blobs.put(Readable.from([Buffer.from("small")]));
      assert.equal((await blobs.list()).length, 1);
    },
    MiB,
  );

  promise("removing a blob twice is removing it once", async ({ blobs }) => {
    const { digest } = await blobs.put(Readable.from([Buffer.from("bytes")]));
    await blobs.remove(digest);
    await blobs.remove(digest);
    assert.equal(await blobs.find(digest), undefined);
    assert.deepEqual(await blobs.list(), []);
  });

  promise("a sound qcow2 image is described", async ({ disks, write }) => {
    const seen = await disks.inspect(await write("sound", fixtures.qcow2));
    const fileBytes = fixtures.qcow2.length;
    assert.deepEqual(seen, { format: "qcow2", virtualBytes: 8 * MiB, fileBytes });
  });

  promise("a raw image is as big as its file", async ({ disks, write }) => {
    const seen = await disks.inspect(await write("raw", raw));
    assert.deepEqual(seen, { format: "raw", virtualBytes: MiB, fileBytes: MiB });
  });

  for (const { what, bytes, says, code } of fixtures.refused)
    promise(`${what} is refused as ${code}`, async ({ disks, write }) => {
      await assert.rejects(disks.inspect(await write("stranger", bytes)), refusal(code, says));
    });

  promise("an overlay is as big as asked, and never smaller than its image", async (store) => {
    const file = await store.write("base", fixtures.qcow2);
    const beside = (overlay: string) => `${file}.${overlay}`;
    await store.disks.ensureOverlay(beside("big"), { file, format: "qcow2" }, 32 * MiB);
    await store.disks.ensureOverlay(beside("small"), { file, format: "qcow2" }, MiB);
    // Bytes 24 to 32 of a qcow2 file are the size that a guest sees.
    const sizeOf = async (overlay: string) =>
      (await store.read(beside(overlay))).readBigUInt64BE(24);
    assert.equal(await sizeOf("big"), BigInt(32 * MiB));
    assert.equal(await sizeOf("small"), BigInt(8 * MiB));
    await assert.rejects(
      store.disks.inspect(beside("big")),
      refusal("image_has_backing_file"),
      "what is written through an overlay must not become an image by itself",
    );
  });

  promise("an overlay on a raw image is an overlay all the same", async (store) => {
    const file = await store.write("base", raw);
    await store.disks.ensureOverlay(`${file}.overlay`, { file, format: "raw" }, 0);
    assert.equal((await store.read(`${file}.overlay`)).readBigUInt64BE(24), BigInt(MiB));
  });

  promise("an overlay that is there is left alone, whatever is in it", async (store) => {
    const file = await store.write("base", fixtures.qcow2);
    const overlay = await store.write("overlay", Buffer.from("the only copy of a user's work"));
    await store.disks.ensureOverlay(overlay, { file, format: "qcow2" }, 0);
    assert.equal(`${await store.read(overlay)}`, "the only copy of a user's work");
  });

  promise("many overlays at once are all made", async (store) => {
    const file = await store.write("base", fixtures.qcow2);
    const paths = Array.from({ length: 20 }, (_, i) => `${file}.${i}`);
    const make = (path: string) => store.disks.ensureOverlay(path, { file, format: "qcow2" }, MiB);
    await Promise.all(paths.map(make));
    const all = await Promise.all(paths.map(store.read));
    assert.ok(all.every((bytes) => bytes.toString("latin1", 0, 4) === "QFI\xfb"));
  });

  promise("an overlay on an image that is gone is refused", async ({ disks, write, used }) => {
    const file = await write("base", fixtures.qcow2);
    await disks.remove(file);
    const before = await used();
    const made = disks.ensureOverlay(`${file}.overlay`, { file, format: "qcow2" }, 0);
    await assert.rejects(made, refusal("image_damaged"));
    assert.equal(await used(), before);
  });

  promise("removing a disk twice is removing it once", async ({ disks, write, read }) => {
    const file = await write("disk", Buffer.from("bytes"));
    await disks.remove(file);
    await disks.remove(file);
    await assert.rejects(async () => read(file));
  });
}
