/** The agent's end of the talk with its guard, against a socket that says what the test wants. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { GuardState, Renewed } from "@holdfast/cloud/agent";
import { guardClient } from "./guard-client.ts";

const state: GuardState = {
  ...{ say: "state", isValid: true, isQuarantined: false, stamped: ["shared"] },
  watchdog: { kind: "simulated", isArmed: true },
};
const renewal: Omit<Renewed, "say"> = {
  ...{ sentAt: 1, lease: 5_000, killBudget: 3_000, watchdog: 10_000, host: "h", epoch: 2 },
  ...{ bootId: "b", agentPid: 7, managers: ["m:1"], pools: { shared: "/pool" } },
};

test("what a guard says is believed while it is fresh", async (t) => {
  const { client, guard, turn } = await rig(t);
  assert.deepEqual([client.hasGuard(), client.report()], [false, null]);
  guard.say(state);
  await until(() => client.hasGuard());
  assert.deepEqual(client.report(), { watchdog: state.watchdog, stamped: ["shared"] });
  assert.equal(client.mayLaunchFenceable(), true);
  turn(3_000); // Connected, and silent: frozen.
  assert.deepEqual([client.hasGuard(), client.report()], [false, null]);
  assert.equal(client.mayLaunchFenceable(), false);
  assert.deepEqual(client.guardState(), { state, age: 3_000 });
});

test("nothing fenceable is launched in quarantine or without the lease", async (t) => {
  const { client, guard } = await rig(t);
  for (const about of [{ isQuarantined: true }, { isValid: false }]) {
    guard.say(state);
    await until(() => client.mayLaunchFenceable());
    guard.say({ ...state, ...about });
    await until(() => !client.mayLaunchFenceable());
  }
});

test("a guard that comes back is told again, and forgotten meanwhile", async (t) => {
  const { client, guard } = await rig(t);
  guard.say(state);
  await until(() => client.hasGuard());
  guard.drop();
  await until(() => !client.hasGuard());
  await until(() => {
    client.renewed(renewal);
    return guard.heard.length > 0;
  });
  assert.deepEqual(JSON.parse(guard.heard[0] ?? ""), { say: "renewed", ...renewal });
});

test("lines that are not understood change nothing", async (t) => {
  const { client, guard } = await rig(t);
  guard.say("nonsense");
  guard.say({ say: "state", isValid: "yes" });
  guard.say(state);
  await until(() => client.hasGuard());
  guard.say({ ...state, say: "something new" });
  guard.say({ ...state, stamped: [] });
  await until(() => client.report()?.stamped.length === 0);
});

async function rig(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "hf-client-"));
  const path = join(folder, "guard.sock");
  const sockets = new Set<Socket>();
  const heard: string[] = [];
  let now = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    createInterface({ input: socket }).on("line", (line) => heard.push(line));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = guardClient(path, () => now);
  t.after(async () => {
    client.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  await until(() => sockets.size === 1);
  return {
    client,
    guard: {
      heard,
      say: (what: unknown) => {
        for (const socket of sockets)
          socket.write(`${typeof what === "string" ? what : JSON.stringify(what)}\n`);
      },
      drop: () => {
        for (const socket of sockets) socket.destroy();
      },
    },
    turn: (by: number) => {
      now += by;
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error("it never came true");
    await sleep(5);
  }
}
