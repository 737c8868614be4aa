import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async ({ run, free, bmc, off, runs, until, show, on, hostIs }: Day) => {
  await run("waits", "host-1", { recovery: "in-place" });
  await run("goes", "host-1", { recovery: "elsewhere" });
  await run("stays", "host-1", { recovery: "none" });
  await free();
  bmc("host-1", "dead");
  await off("host-1");
  await runs("goes", 2);
  await until(
    "the others are stopped",
    async () =>
      (await show("stays")).state === "stopped" && (await show("waits")).state === "stopped",
  );
  assert.equal((await show("stays")).desired, "stopped");
  await on("host-1");
  await hostIs("host-1", "up", 2);
  await runs("waits", 2);
  assert.equal((await show("waits")).host, "host-1");
};
