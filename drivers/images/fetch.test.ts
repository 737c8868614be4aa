import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { seconds } from "@holdfast/kernel/time";
import { fetchImage } from "./fetch.ts";

const generous = { limitBytes: 1 << 20, patience: seconds(20) };

/** One server for one test, on a port of its own. */
async function serving(answer: RequestListener, body: (address: string) => Promise<void>) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  try {
    await body(`http://127.0.0.1:${port}/disk.qcow2`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const says = (kind: string, message: RegExp) => ({
  code: "image_download_failed",
  kind,
  message,
});

test("what the server sends arrives, and its announced size with it", () =>
  serving(
    (_, response) => response.setHeader("content-length", 5).end("bytes"),
    async (address) => {
      const { content, announcedBytes } = await fetchImage(address, generous);
      assert.equal(announcedBytes, 5);
      assert.equal(`${await buffer(content)}`, "bytes");
    },
  ));

test("a redirect is followed", () =>
  serving(
    ({ url }, response) =>
      url === "/real"
        ? response.end("bytes")
        : response.writeHead(302, { location: "/real" }).end(),
    async (address) => {
      const { content } = await fetchImage(address, generous);
      assert.equal(`${await buffer(content)}`, "bytes");
    },
  ));

test("an error of the server is the answer, not an image", () =>
  serving(
    (_, response) => response.writeHead(404).end("<html>not here"),
    (address) => assert.rejects(fetchImage(address, generous), says("invalid", /404 Not Found/)),
  ));

test("trouble of the server may pass, so it may be tried again", () =>
  serving(
    (_, response) => response.writeHead(503).end(),
    (address) => assert.rejects(fetchImage(address, generous), says("unavailable", /503/)),
  ));

test("what is announced as too big is not even begun", () =>
  serving(
    (_, response) => response.writeHead(200, { "content-length": 1 << 30 }).flushHeaders(),
    (address) => assert.rejects(fetchImage(address, generous), says("invalid", /bigger than/)),
  ));

test("what becomes too big without announcing it is cut off", () =>
  serving(
    (_, response) => {
      const more = () => void (response.write(Buffer.alloc(1 << 16)) && setImmediate(more));
      response.on("drain", more);
      more();
    },
    async (address) => {
      const { content } = await fetchImage(address, generous);
      await assert.rejects(buffer(content), says("invalid", /bigger than the limit of 1048576/));
    },
  ));

test("a connection that breaks off is an error, not the end of the image", () =>
  serving(
    (_, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("half", () => response.destroy());
    },
    async (address) => {
      const { content } = await fetchImage(address, generous);
      await assert.rejects(buffer(content), says("unavailable", /broke the connection off/));
    },
  ));

test("a server that falls silent is given up", () =>
  serving(
    (_, response) => response.writeHead(200).write("half"),
    async (address) => {
      const { content } = await fetchImage(address, { ...generous, patience: seconds(0.2) });
      await assert.rejects(buffer(content), says("unavailable", /sent nothing for 0.2 s/));
    },
  ));

test("a server that never answers is given up", () =>
  serving(
    () => {},
    (address) =>
      assert.rejects(
        fetchImage(address, { ...generous, patience: seconds(0.2) }),
        says("unavailable", /sent nothing/),
      ),
  ));

test("a cancelled import ends with the reason of whoever cancelled it", () =>
  serving(
    () => {},
    async (address) => {
      const cancel = new AbortController();
      const fetched = fetchImage(address, { ...generous, signal: cancel.signal });
      cancel.abort(new Error("cancelled by a person"));
      await assert.rejects(fetched, /cancelled by a person/);
    },
  ));

test("an address where nothing listens, or that is none, says so", async () => {
  let closed = "";
  await serving(
    () => {},
    async (address) => {
      closed = address;
    },
  );
  await assert.rejects(fetchImage(closed, generous), says("unavailable", /nothing listens/));
  for (const address of ["file:///etc/passwd", "disk.qcow2", "ftp://example.org/disk"])
    await assert.rejects(
      fetchImage(address, generous),
      says("invalid", /not an http or https URL/),
    );
});
