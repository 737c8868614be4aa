/** Sending an image: every byte arrives, and a manager that has seen enough is heard. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { ImageView } from "@holdfast/cloud/images/api";
import { serveFake } from "./testing.ts";
import { uploadImage } from "./upload.ts";

const view: ImageView = {
  id: "i",
  name: "debian",
  project: null,
  state: "ready",
  source: "upload",
  manifest: null,
  warm: false,
  encrypted: false,
  bytes: 1,
  problem: null,
  createdAt: 0,
  tags: {},
  sharedWith: [],
};
const mebibyte = Buffer.alloc(1 << 20, "holdfast");
const of = { project: "default", image: "debian" };

test("an image arrives as it was, with its length and its token", async (t) => {
  const hash = createHash("sha256");
  let headers: IncomingHttpHeaders = {};
  const manager = await serveFake([], {
    before: (request, response) => {
      headers = request.headers;
      request.on("data", (piece: Buffer) => hash.update(piece));
      request.on("end", () => response.end(JSON.stringify(view)));
      return true;
    },
  });
  t.after(() => manager.stop());
  const progress: number[] = [];
  const content = Readable.from([mebibyte, mebibyte]);
  const reply = await uploadImage(
    { url: manager.url, token: "secret", requestId: "req-1" },
    { ...of, content, bytes: 2 << 20, onProgress: (sent) => progress.push(sent) },
  );
  assert.equal(reply.state, "ready");
  assert.equal(
    hash.digest("hex"),
    createHash("sha256").update(mebibyte).update(mebibyte).digest("hex"),
  );
  assert.deepEqual(progress, [1 << 20, 2 << 20]);
  assert.equal(headers.authorization, "Bearer secret");
  assert.equal(headers["content-length"], String(2 << 20));
});

test("a manager that refuses half-way is heard, not the broken pipe", async (t) => {
  const manager = await serveFake([], {
    before: (request, response) => {
      request.once("data", () => {
        response.writeHead(507, { connection: "close" });
        response.end('{"kind":"exhausted","code":"store_full","message":"No space is left."}');
      });
      return true;
    },
  });
  t.after(() => manager.stop());
  const content = Readable.from(endless());
  const sending = uploadImage({ url: manager.url, token: "x" }, { ...of, content, bytes: 2 ** 40 });
  await assert.rejects(sending, { kind: "exhausted", code: "store_full" });
  assert.ok(content.destroyed);
});

test("content that is shorter than it was is not sent as if it were whole", async (t) => {
  const manager = await serveFake([], { before: (request) => Boolean(request.resume()) });
  t.after(() => manager.stop());
  const content = Readable.from([mebibyte]);
  const sending = uploadImage({ url: manager.url, token: "x" }, { ...of, content, bytes: 2 << 20 });
  await assert.rejects(sending, { code: "manager_unreachable" });
});

function* endless() {
  while (true) yield mebibyte;
}
