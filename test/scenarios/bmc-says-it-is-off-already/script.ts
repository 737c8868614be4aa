import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async ({ run, free, bmc, off, runs, certificates, hostIs, note }: Day) => {
  await run("web", "host-1");
  await free();
  bmc("host-1", "strict");
  await off("host-1");
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "power-off");
  await hostIs("host-1", "up", 2);
  note("and it was switched on again");
};
