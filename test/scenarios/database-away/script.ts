import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { ownServer: true };
const all = ["host-1", "host-2", "host-3"] as const;

export const script = async ({
  run,
  free,
  did,
  cloud,
  stays,
  machine,
  until,
  heard,
  show,
  certificates,
  deeds,
}: Day) => {
  await run("web", "host-1");
  await free();
  did("kill PostgreSQL");
  cloud.server?.kill();
  await stays("web lives", 3, () => machine("web") !== undefined);
  did("start PostgreSQL");
  await cloud.server?.revive();
  const known = all.map(heard);
  await until("all agents are heard", () => known.every((isHeard) => isHeard()));
  await stays(
    "web runs, and every host is up",
    3,
    async () => (await show("web")).state === "running",
  );
  assert.deepEqual(await certificates(), []);
  for (const host of all) assert.deepEqual(deeds(host), []);
};
