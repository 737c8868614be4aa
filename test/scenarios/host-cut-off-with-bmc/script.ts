import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async ({ run, free, cut, runs, mend, hostIs, certificates }: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await runs("web", 2);
  mend("host-1");
  await hostIs("host-1", "up", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "power-off");
};
