import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

const all = ["host-1", "host-2", "host-3"] as const;

export const script = async ({
  run,
  free,
  killManager,
  stays,
  machine,
  startManager,
  hostIs,
  until,
  heard,
  deeds,
}: Day) => {
  await run("web", "host-1");
  await run("db", "host-2");
  await free();
  killManager("manager-1");
  await stays(
    "both guests live",
    6,
    () => machine("web") !== undefined && machine("db") !== undefined,
  );
  await startManager("manager-1");
  for (const host of all) await hostIs(host, "up", 1);
  const known = all.map(heard);
  await until("all agents are heard", () => known.every((isHeard) => isHeard()));
  await stays(
    "both guests live",
    2,
    async () => machine("web") !== undefined && machine("db") !== undefined,
  );
  for (const host of all) assert.deepEqual(deeds(host), []);
};
