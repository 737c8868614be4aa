import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { managers: 2 };

export const script = async ({
  run,
  free,
  pause,
  stays,
  show,
  order,
  is,
  runs,
  resume,
  certificates,
}: Day) => {
  await run("web", "host-1");
  await free();
  pause("manager-1");
  await stays(
    "web runs, and every host is up",
    4,
    async () => (await show("web")).state === "running",
  );
  await order("web", "stop", { force: true });
  await is("web", "stopped");
  await order("web", "start");
  await runs("web", 2);
  resume("manager-1");
  await stays(
    "web runs, and every host is up",
    2,
    async () => (await show("web")).state === "running",
  );
  assert.deepEqual(await certificates(), []);
};
