/** The serial console from a WebSocket at the manager to the guest: what is typed at once is not lost. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { before, test } from "node:test";
import { WebSocket } from "ws";
import { sharedPlatform, until } from "./platform.ts";

const platform = await sharedPlatform();
before(async () => {
  await platform.call("POST", "/v1/projects/default/instances", { name: "talk" });
  await until("it runs", async () => {
    const { body } = await platform.call<{ guest: string }>(
      "GET",
      "/v1/projects/default/instances/talk",
    );
    return body.guest === "up";
  });
});

const open = (name: string, token = platform.token) =>
  new WebSocket(
    `ws://127.0.0.1:${platform.managers[0]?.apiPort}/v1/projects/default/instances/${name}/console`,
    {
      headers: { authorization: `Bearer ${token}` },
    },
  );

test("what is typed in the first moment reaches the guest, and its echo comes back", async () => {
  const socket = open("talk");
  let heard = "";
  socket.on("message", (data) => {
    heard += String(data);
  });
  await once(socket, "open");
  socket.send(Buffer.from("hello\n"));
  await until("the echo is here", () => heard.includes("hello"));
  socket.close();
  await once(socket, "close");
});

test("a console that cannot be opened says why before it closes", async () => {
  for (const [name, token, code] of [
    ["nobody", platform.token, "instance_not_found"],
    ["talk", "wrong", "unauthenticated"],
  ] as const) {
    const socket = open(name, token);
    const [[text], [, reason]] = await Promise.all([
      once(socket, "message"),
      once(socket, "close"),
    ]);
    assert.deepEqual([JSON.parse(String(text)).code, String(reason)], [code, code]);
  }
});

test("a host that is not connected here is a reason to refuse a console, not to end the manager", async () => {
  for (const host of platform.hosts) await platform.stopAgent(host);
  const socket = open("talk");
  const [[text], [code]] = await Promise.all([once(socket, "message"), once(socket, "close")]);
  assert.deepEqual([JSON.parse(String(text)).code, code], ["host_unreachable", 4503]);
  assert.equal((await platform.call("GET", "/health")).status, 200);
});
