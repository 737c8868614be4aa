import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, freeze, hostIs, deeds, runs, certificates }: Day) => {
  await run("web", "host-1");
  await free();
  await freeze("host-1");
  await hostIs("host-1", "up", 2);
  assert.deepEqual(deeds("host-1"), ["the watchdog fires"]);
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "boot-id");
};
