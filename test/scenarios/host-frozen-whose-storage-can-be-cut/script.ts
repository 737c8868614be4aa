import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { watchdog: "none", canRevoke: true } as const;

export const script = async ({
  run,
  free,
  freeze,
  runs,
  certificates,
  thaw,
  hostIs,
  cloud,
}: Day) => {
  await run("web", "host-1");
  await free();
  await freeze("host-1");
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "storage-cut");
  assert.equal(cloud.pool.storage.cuts.length, 1);
  assert.equal(cloud.stations[0]?.running().length, 1); // It is still there, and can write nothing.
  thaw("host-1");
  await hostIs("host-1", "up", 2);
};
