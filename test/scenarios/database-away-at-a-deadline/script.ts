import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { ownServer: true, hosts: 2 };

export const script = async ({
  run,
  free,
  did,
  call,
  cloud,
  until,
  stays,
  machine,
  show,
  heard,
}: Day) => {
  await run("web", "host-1");
  await free();
  await call("PATCH", "/v1/hosts/host-2", { mode: "draining" });
  did("host-1 is to be empty in a minute");
  const deadline = Date.now() + 60_000;
  const asked = { noticeSeconds: 0, deadline, reason: "new memory" };
  const { status, body } = await call("PUT", "/v1/hosts/host-1/maintenance", asked);
  assert.equal(status, 200, JSON.stringify(body));
  await until("it finds no room for web", async () => (await state()) === "blocked");
  did("kill PostgreSQL");
  cloud.server?.kill();
  await stays("web lives", 14, () => machine("web") !== undefined);
  assert.ok(Date.now() > deadline);
  did("start PostgreSQL");
  await cloud.server?.revive();
  const known = (["host-1", "host-2"] as const).map(heard);
  await until("all agents are heard", () => known.every((isHeard) => isHeard()));
  await until("web is stopped", async () => (await show("web")).state === "stopped");
  await until("nobody is left there", async () => (await state()) === "in-maintenance");
  assert.equal((await show("web")).generation, 1);
  await call("PATCH", "/v1/hosts/host-2", { mode: "enabled" });
  await until("web runs again", async () => {
    const now = await show("web");
    return now.state === "running" && now.host === "host-2" && now.generation === 2;
  });
  await call("DELETE", "/v1/hosts/host-1/maintenance");

  async function state() {
    return (await call<{ state: string }>("GET", "/v1/hosts/host-1/maintenance")).body.state;
  }
};
