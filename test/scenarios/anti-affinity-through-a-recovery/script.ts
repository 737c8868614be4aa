import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, runs, show }: Day) => {
  await run("left", "host-1", { group: "pair" });
  await run("right", "host-2", { group: "pair" });
  await free();
  cut("host-1");
  await runs("left", 2);
  assert.equal((await show("left")).host, "host-3");
  assert.equal((await show("right")).host, "host-2");
};
