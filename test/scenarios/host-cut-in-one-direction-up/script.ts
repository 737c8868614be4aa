import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, runs, ending, mend, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1", "up");
  await runs("web", 2);
  assert.equal(ending("web", 1)?.fenced?.why, "lease-expired");
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
