import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, killGuard, stays, show, deeds }: Day) => {
  await run("web", "host-1");
  await free();
  for (let time = 1; time <= 3; time++) {
    killGuard("host-1");
    await stays(
      "web runs, and host-1 is up",
      0.7,
      async () => (await show("web")).state === "running",
    );
  }
  assert.deepEqual(deeds("host-1"), []);
};
