/** The console's socket: bytes both ways, and an ending that says why. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Problem } from "@holdfast/kernel/problem";
import { type WebSocket, WebSocketServer } from "ws";
import { endingOf, openConsole } from "./console.ts";
import { serveFake } from "./testing.ts";

async function guest(t: TestContext, behave: (socket: WebSocket, path: string) => void) {
  const manager = await serveFake([]);
  const sockets = new WebSocketServer({ noServer: true });
  manager.server.on("upgrade", (request, socket, head) => {
    if (request.headers.authorization !== "Bearer secret") {
      const body = '{"kind":"unauthenticated","code":"unauthenticated","message":"Who?"}';
      return socket.end(`HTTP/1.1 401 No\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    }
    sockets.handleUpgrade(request, socket, head, (one) => behave(one, request.url ?? ""));
  });
  t.after(() => manager.stop());
  return manager;
}

const of = { project: "default", instance: "web" };

test("what is typed reaches the guest, and what it writes comes back byte for byte", async (t) => {
  let path = "";
  const { url } = await guest(t, (socket, at) => {
    path = at;
    socket.on("message", (data: Buffer) => {
      socket.send(Buffer.concat([Buffer.from([0xff, 0x00]), data]));
      socket.close(1000);
    });
  });
  const output: Uint8Array[] = [];
  const console = await openConsole(
    { url, token: "secret" },
    { ...of, onOutput: (bytes) => void output.push(bytes) },
  );
  await console.send(Buffer.from("ls\n"));
  await console.ended;
  assert.deepEqual(Buffer.concat(output), Buffer.from([0xff, 0x00, 0x6c, 0x73, 0x0a]));
  assert.equal(path, "/v1/projects/default/instances/web/console");
});

test("a slow reader holds the guest back, and loses nothing", async (t) => {
  const { url } = await guest(t, (socket) => {
    for (let i = 0; i < 50; i++) socket.send(Buffer.from([i]));
    socket.close(1000);
  });
  const seen: (number | undefined)[] = [];
  let busy = 0;
  const console = await openConsole(
    { url, token: "secret" },
    {
      ...of,
      onOutput: async ([byte]) => {
        assert.equal(++busy, 1, "one frame at a time");
        await new Promise(setImmediate);
        seen.push(byte);
        busy--;
      },
    },
  );
  await console.ended;
  assert.deepEqual(seen, [...Array(50).keys()]);
});

test("the problem in a close frame is the console's end", async (t) => {
  const { url } = await guest(t, (socket) =>
    socket.close(4409, '{"kind":"conflict","code":"no_console","message":"It is stopped."}'),
  );
  const console = await openConsole({ url, token: "secret" }, { ...of, onOutput: () => {} });
  await assert.rejects(console.ended, { code: "no_console", message: "It is stopped." });
});

test("the problem that the manager sends ahead of the close is the console's end, and not output", async (t) => {
  const { url } = await guest(t, (socket) => {
    socket.send(
      '{"kind":"conflict","code":"no_console","message":"web does not run.","fix":"Start it."}',
    );
    socket.close(4409, "no_console");
  });
  const output: Uint8Array[] = [];
  const console = await openConsole(
    { url, token: "secret" },
    { ...of, onOutput: (bytes) => void output.push(bytes) },
  );
  await assert.rejects(console.ended, {
    message: "web does not run.",
    details: { fix: "Start it." },
  });
  assert.deepEqual(output, []);
});

test("a token that is not accepted is said before the console opens", async (t) => {
  const { url } = await guest(t, () => {});
  const opening = openConsole({ url, token: "wrong" }, { ...of, onOutput: () => {} });
  await assert.rejects(opening, { code: "unauthenticated", message: "Who?" });
});

test("a manager that is killed ends the console as unreachable", async (t) => {
  const manager = await guest(t, (socket) => socket.on("message", () => socket.terminate()));
  const console = await openConsole(
    { url: manager.url, token: "secret" },
    { ...of, onOutput: () => {} },
  );
  await console.send(Buffer.from("x"));
  await assert.rejects(console.ended, { code: "manager_unreachable" });
  await manager.stop();
  await assert.rejects(
    openConsole({ url: manager.url, token: "secret" }, { ...of, onOutput: () => {} }),
    { code: "manager_unreachable" },
  );
});

test("what is typed into a console that is closing is refused as everything else is", async (t) => {
  const { url } = await guest(t, () => {});
  const console = await openConsole({ url, token: "secret" }, { ...of, onOutput: () => {} });
  console.close();
  await assert.rejects(console.send(Buffer.from("x")), { code: "manager_unreachable" });
  await console.ended;
});

test("a reason that was cut short still ends with the right problem", () => {
  const whats = [4401, 4404, 4409, 4503, 1006].map((code) => {
    const { kind, details }: Problem = endingOf(code, '{"kind":"conf', "http://m");
    return [kind, Boolean(details.fix)];
  });
  assert.deepEqual(whats, [
    ["unauthenticated", true],
    ["not_found", true],
    ["conflict", true],
    ["unavailable", true],
    ["unavailable", true],
  ]);
});
