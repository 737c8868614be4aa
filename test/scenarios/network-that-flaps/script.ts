import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  until,
  heard,
  cut,
  leases,
  mend,
  stays,
  show,
  machine,
}: Day) => {
  await run("web", "host-1");
  await free();
  for (let time = 1; time <= 4; time++) {
    await until("it is heard", heard("host-1"));
    cut("host-1");
    await leases(0.5);
    mend("host-1");
  }
  await stays("web runs, and host-1 is up", 1, async () => (await show("web")).state === "running");
  assert.equal(machine("web")?.spec.generation, 1);
};
