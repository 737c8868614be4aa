import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { milliseconds, minutes } from "@holdfast/kernel/time";
import { connectQmp, type QmpEvent } from "./qmp.ts";

/** A QEMU that says what the test wants; `asked` are the commands that it got. */
async function talk(t: TestContext, answer: (socket: Socket, id: number) => void) {
  const dir = mkdtempSync(join(tmpdir(), "hf-qmp-"));
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.trim().split("\n")) {
        const { execute, id } = JSON.parse(line);
        asked.push(execute);
        if (id !== undefined) answer(socket, id);
      }
    });
  }).listen(join(dir, "qmp.sock"));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  });
  const heard: QmpEvent[] = [];
  let hangUp = () => {};
  const closed = new Promise<void>((resolve) => {
    hangUp = resolve;
  });
  const qmp = await connectQmp(join(dir, "qmp.sock"), {
    event: (event) => void heard.push(event),
    closed: hangUp,
  });
  return { qmp, asked, heard, closed };
}

test("an answer finds its question, and events come in between", async (t) => {
  const later: (() => void)[] = [];
  const { qmp, asked, heard } = await talk(t, (socket, id) => {
    later.push(() => socket.write(`{"return":{"n":${id}},"id":${id}}\n`));
    if (later.length < 2) return;
    socket.write('{"event":"RESET","data":{"guest":true}}\n{"event":"STOP"}');
    socket.write("\n");
    for (const reply of later.reverse()) reply();
  });
  const [first, second] = await Promise.all([
    qmp.execute("query-status", minutes(1)),
    qmp.execute("stop", minutes(1)),
  ]);
  assert.deepEqual([first, second], [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(asked, ["qmp_capabilities", "query-status", "stop"]);
  assert.deepEqual(heard, [{ event: "RESET", data: { guest: true } }, { event: "STOP" }]);
  qmp.close();
});

test("a refusal is an error in QEMU's own words", async (t) => {
  const { qmp } = await talk(t, (socket, id) =>
    socket.write(`{"error":{"class":"GenericError","desc":"Resetting is required"},"id":${id}}\n`),
  );
  await assert.rejects(qmp.execute("cont", minutes(1)), /Resetting is required/);
  qmp.close();
});

test("a QEMU that says nothing costs a deadline and not the conversation", async (t) => {
  let isFrozen = true;
  const { qmp } = await talk(t, (socket, id) => {
    if (!isFrozen) socket.write(`{"return":{},"id":${id}}\n`);
  });
  await assert.rejects(qmp.execute("stop", milliseconds(10)), /did not answer stop within 10 ms/);
  isFrozen = false;
  assert.deepEqual(await qmp.execute("stop", minutes(1)), {});
  qmp.close();
});

for (const [what, words] of [
  ["hangs up", undefined],
  ["talks nonsense", "not json\n"],
  ["never ends its line", "x".repeat(2 << 20)],
] as const)
  test(`a QEMU that ${what} ends the conversation, and whoever waits hears of it`, async (t) => {
    const { qmp, closed } = await talk(t, (socket) => {
      if (words) socket.write(words);
      else socket.destroy();
    });
    await assert.rejects(qmp.execute("query-status", minutes(1)), /closed the connection/);
    await closed;
    await assert.rejects(qmp.execute("query-status", minutes(1)), /not connected/);
  });

test("nobody at the socket is an error", async () => {
  const listener = { event() {}, closed() {} };
  await assert.rejects(connectQmp("/nowhere/qmp.sock", listener), { code: "ENOENT" });
});
