/** A manager that is told to stop does, whoever is at its doors at that moment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { dialler } from "@holdfast/cloud/agent/edge";
import { WebSocket } from "ws";
import { sharedPlatform, until } from "./platform.ts";

const platform = await sharedPlatform({ managers: 2 });

/** Fails if that takes longer than anything that a manager waits for. */
async function closes(index: number, meanwhile = async () => {}): Promise<void> {
  let isClosed = false;
  const closing = platform.stopManager(index).then(() => {
    isClosed = true;
  });
  await meanwhile();
  await until("the manager has closed", () => isClosed, 20_000);
  await closing;
}

const refuses = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(true));
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
  });

test("an agent that is being let in does not keep it from closing", async (t) => {
  const [host] = platform.hosts;
  const manager = platform.managers[1];
  assert.ok(host?.joined && manager);
  let letIn = () => {};
  const held = new Promise<void>((resolve) => {
    letIn = resolve;
  });
  t.after(letIn);
  let isLocked = false;
  const holding = platform.database.transaction(async (sql) => {
    await sql.query("set local idle_in_transaction_session_timeout = 0");
    await sql.query("lock table host_certificate in access exclusive mode");
    isLocked = true;
    await held; // Whether a certificate still counts is not answered until then.
  });
  await until("nobody can be let in", () => isLocked);
  const dial = dialler([`127.0.0.1:${manager.agentPort}`], host.joined);
  const dialled = dial(
    () => {},
    () => {},
  ).catch(() => undefined);
  await until("it waits at the door", async () => {
    const waiting = await platform.database.query(
      "select from pg_locks where relation = 'host_certificate'::regclass and not granted",
    );
    return waiting.length > 0;
  });
  await closes(1, async () => {
    await until("nobody else is let in", () => refuses(manager.agentPort));
    letIn();
    await holding;
  });
  (await dialled)?.close();
});

test("somebody at a console does not keep it from closing", async () => {
  const at = "/v1/projects/default";
  await platform.call("POST", `${at}/instances`, { name: "seen" });
  await until("it runs", async () => {
    const { body } = await platform.call<{ guest: string }>("GET", `${at}/instances/seen`);
    return body.guest === "up";
  });
  const port = platform.managers[0]?.apiPort;
  const console = new WebSocket(`ws://127.0.0.1:${port}${at}/instances/seen/console`, {
    headers: { authorization: `Bearer ${platform.token}` },
  });
  let isEcho = false;
  let isOver = false;
  console.on("message", () => {
    isEcho = true;
  });
  console.on("close", () => {
    isOver = true;
  });
  await new Promise((resolve) => console.once("open", resolve));
  console.send("hello\n");
  await until("it is heard", () => isEcho);
  await closes(0);
  await until("the console has ended", () => isOver);
});

test("a manager that cannot open one of its doors leaves nothing open", async (t) => {
  if (!platform.managers[1]) await platform.startManager(1);
  const { agentPort, apiPort } = platform.managers[1] ?? assert.fail();
  await platform.stopManager(1);
  const before = await connections();
  const taken = createServer().listen(agentPort, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  await assert.rejects(platform.startManager(1), { code: "EADDRINUSE" });
  assert.ok(await refuses(apiPort));
  await until("its connections are closed", async () => (await connections()) <= before);
});

const connections = async () =>
  (await platform.database.query("select from pg_stat_activity where datname = current_database()"))
    .length;
