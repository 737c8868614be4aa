import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, hang, stays, machine, show, unhang, deeds }: Day) => {
  await run("web", "host-1");
  await run("files", "host-1", { isLocal: true });
  await free();
  hang("host-1");
  await stays(
    "both run, and host-1 is up",
    4,
    async () =>
      machine("web") !== undefined &&
      machine("files") !== undefined &&
      (await show("web")).state === "running",
  );
  unhang("host-1");
  await stays("both run, and host-1 is up", 1, async () => (await show("web")).state === "running");
  assert.deepEqual(deeds("host-1"), []);
};
