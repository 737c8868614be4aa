import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async ({ run, free, bmc, off, runs, certificates, on, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  bmc("host-1", "dead");
  await off("host-1");
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "watchdog");
  await on("host-1");
  await hostIs("host-1", "up", 2);
};
