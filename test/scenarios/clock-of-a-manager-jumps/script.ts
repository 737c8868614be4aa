import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, hostIs, jump, runs, certificates, mend }: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await hostIs("host-1", "suspect");
  jump("manager-1", 60_000);
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "watchdog"); // The oracle knows when it may be proven at the earliest.
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
