import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, freeze, hostIs, is, thaw, runs, ending }: Day) => {
  await run("web", "host-1");
  await free();
  await freeze("host-1");
  await hostIs("host-1", "suspect");
  await is("web", "lost");
  thaw("host-1");
  await runs("web", 2);
  assert.equal(ending("web", 1)?.fenced?.why, "lease-expired");
  await hostIs("host-1", "up", 1);
};
