import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, die, is, show, stays, order, runs }: Day) => {
  await run("web", "host-1");
  await free();
  die("web", "power-off");
  await is("web", "stopped");
  const { desired, cause } = await show("web");
  assert.deepEqual([desired, cause?.class], ["stopped", "guest-shutdown"]);
  await stays("web is stopped", 2, async () => (await show("web")).state === "stopped");
  await order("web", "start");
  await runs("web", 2);
};
