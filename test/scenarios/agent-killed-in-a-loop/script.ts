import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, killAgent, stays, show, until, heard, machine }: Day) => {
  await run("web", "host-1");
  await free();
  for (let time = 1; time <= 5; time++) {
    killAgent("host-1");
    await stays(
      "web runs, and host-1 is up",
      0.4,
      async () => (await show("web")).state === "running",
    );
  }
  await until("its agent is heard", heard("host-1"));
  assert.equal(machine("web")?.spec.generation, 1);
};
