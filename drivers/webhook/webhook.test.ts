/** Where webhooks may go, and what counts as delivered. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { isWithinReach } from "./addresses.ts";
import { httpWebhooks } from "./http.ts";

test("what may be reached is decided by the address, however it is written", () => {
  const farthest = (address: string) =>
    (["public", "private", "local"] as const).find((reach) => isWithinReach(address, reach));
  const table: readonly (readonly [string, string | undefined])[] = [
    ["93.184.216.34", "public"],
    ["2606:2800:220:1::1", "public"],
    ["10.1.2.3", "private"],
    ["172.31.255.255", "private"],
    ["192.168.0.1", "private"],
    ["100.64.0.1", "private"],
    ["fd12::1", "private"],
    ["127.0.0.1", "local"],
    ["::1", "local"],
    ["::ffff:127.0.0.1", "local"],
    ["::ffff:7f00:1", "local"],
    ["::ffff:10.0.0.1", "private"],
    ["64:ff9b::a00:1", "private"],
    ["2002:7f00:1::", "local"],
    ["169.254.169.254", undefined],
    ["::ffff:169.254.169.254", undefined],
    ["64:ff9b::a9fe:a9fe", undefined],
    ["fe80::1", undefined],
    ["fd00:ec2::254", undefined],
    ["0.0.0.0", undefined],
    ["224.0.0.1", undefined],
  ];
  for (const [address, expected] of table) assert.equal(farthest(address), expected, address);
});

test("a URL whose name or number stands for an address out of reach is not connected to", async (t) => {
  const { port, heard } = await server(t, 204);
  const hooks = httpWebhooks();
  for (const host of ["127.0.0.1", "2130706433", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
    await assert.rejects(
      hooks.post({ url: `http://${host}:${port}/`, body: "{}", headers: {}, reach: "private" }),
      { code: "webhook_out_of_reach" },
      host,
    );
  assert.equal(heard.length, 0);
});

test("a body is delivered with its headers, and only 2xx counts as taken", async (t) => {
  const hooks = httpWebhooks();
  const headers = { "holdfast-signature": "x" };
  const good = await server(t, 204);
  const url = `http://127.0.0.1:${good.port}/hook?a=1`;
  await hooks.post({ url, body: '{"a":"ü"}', headers, reach: "local" });
  assert.deepEqual(good.heard, [{ url: "/hook?a=1", body: '{"a":"ü"}', signature: "x" }]);
  for (const status of [302, 404, 500]) {
    const bad = await server(t, status);
    const delivery = { url: `http://127.0.0.1:${bad.port}/`, body: "{}", headers };
    await assert.rejects(hooks.post({ ...delivery, reach: "local" }), { code: "webhook_failed" });
  }
});

interface Heard {
  readonly url: string | undefined;
  readonly body: string;
  readonly signature: unknown;
}

async function server(t: TestContext, status: number) {
  const heard: Heard[] = [];
  const http = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const signature = request.headers["holdfast-signature"];
      heard.push({ url: request.url, body: Buffer.concat(pieces).toString(), signature });
      response.writeHead(status, { location: "http://169.254.169.254/" }).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => http.close());
  const address = http.address();
  return { port: typeof address === "object" && address ? address.port : 0, heard };
}
