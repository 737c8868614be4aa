import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, die, runs, ending }: Day) => {
  await run("web", "host-1");
  await free();
  die("web", "hang");
  await runs("web", 2);
  assert.equal(ending("web", 1)?.watchdogFired, true);
};
