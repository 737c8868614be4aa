import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, freeze, leases, thaw, stays, show, machine }: Day) => {
  await run("web", "host-1");
  await free();
  await freeze("host-1");
  await leases(0.7);
  thaw("host-1");
  await stays("web runs, and host-1 is up", 2, async () => (await show("web")).state === "running");
  assert.equal(machine("web")?.spec.generation, 1);
};
