import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  lose,
  stays,
  show,
  order,
  is,
  runs,
  certificates,
}: Day) => {
  await run("web", "host-1");
  await free();
  for (const host of ["host-1", "host-2", "host-3"] as const) lose(host, 0.2);
  await stays(
    "web runs, and every host is up",
    5,
    async () => (await show("web")).state === "running",
  );
  await order("web", "stop", { force: true });
  await is("web", "stopped");
  await order("web", "start");
  await runs("web", 2);
  assert.deepEqual(await certificates(), []);
};
