/** The console command: what is typed or piped goes to the guest, and there is always a way out. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { exits } from "./exits.ts";
import { desk } from "./testing.ts";
import type { Keyboard } from "./world.ts";

async function guest(t: TestContext, behave: (socket: WebSocket) => void) {
  const one = await desk();
  t.after(() => one.stop());
  const sockets = new WebSocketServer({ noServer: true });
  one.manager.server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, behave),
  );
  return one;
}

/** Says back in capitals whatever it hears. */
const echo = (socket: WebSocket) =>
  socket.on("message", (data: Buffer) => socket.send(Buffer.from(String(data).toUpperCase())));

function keyboard(isTTY: boolean): PassThrough & Keyboard & { modes: boolean[] } {
  const modes: boolean[] = [];
  return Object.assign(new PassThrough(), {
    isTTY,
    modes,
    setRawMode: (on: boolean) => modes.push(on),
  });
}

test("piped input reaches the guest, and Ctrl-] in it leaves", async (t) => {
  const one = await guest(t, echo);
  const stdin = keyboard(false);
  stdin.write("ls\n");
  const ran = one.type("console web --idle 60", { stdin });
  stdin.write("poweroff\n\u001dnot this");
  const { code, out } = await ran;
  assert.equal(code, 0);
  assert.match(
    "LS\nPOWEROFF\n",
    new RegExp(`^${out}`),
    "nothing but what the guest had said by then",
  );
});

test("after piped input has ended, it leaves once the guest is silent", async (t) => {
  const one = await guest(t, echo);
  const stdin = keyboard(false);
  stdin.end("uname\n");
  const { code, out } = await one.type("console web --idle 0.2", { stdin });
  assert.deepEqual([code, out], [0, "UNAME\n"]);
});

test("a terminal is in raw mode meanwhile, and as before afterwards", async (t) => {
  const one = await guest(t, echo);
  const stdin = keyboard(true);
  stdin.write("\u0003"); // Ctrl-C is the guest's.
  const { code, out, err } = await one.type("console web", {
    stdin,
    isTTY: true,
    onOut: (text) => {
      if (text.includes("\u0003")) stdin.write("\u001d");
    },
  });
  assert.deepEqual([code, out, stdin.modes], [0, "\u0003", [true, false]]);
  assert.match(err, /Leave with Ctrl-\]/);
});

test("the guest's end is the console's end", async (t) => {
  const one = await guest(t, (socket) => {
    socket.send(Buffer.from("reboot: Power down\n"));
    socket.close(1000);
  });
  const { code, out } = await one.type("console web", { stdin: keyboard(false) });
  assert.deepEqual([code, out], [0, "reboot: Power down\n"]);
});

const refusals = [
  [4404, "wbe", exits.notFound.code, /Did you mean web\?/],
  [4409, "web", exits.conflict.code, /It has no console now/],
  [4503, "web", exits.unavailable.code, /Its host cannot be reached/],
] as const;
for (const [close, name, code, says] of refusals)
  test(`a console that is closed with ${close} ends with ${code}, and the terminal is given back`, async (t) => {
    const one = await guest(t, (socket) => socket.close(close));
    const stdin = keyboard(true);
    const ran = await one.type(`console ${name}`, { stdin });
    assert.equal(ran.code, code);
    assert.match(ran.err, says);
    assert.equal(stdin.modes.at(-1), false);
  });
