import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, killGuard, cut, runs, deeds, mend, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  killGuard("host-1", false);
  cut("host-1");
  await runs("web", 2);
  assert.deepEqual(deeds("host-1"), ["the watchdog fires"]);
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
