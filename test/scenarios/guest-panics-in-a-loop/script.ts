import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, runs, die, is, show, order }: Day) => {
  await run("web", "host-1");
  await free();
  for (let generation = 1; generation <= 4; generation++) {
    await runs("web", generation);
    die("web", "panic");
  }
  await is("web", "failed");
  assert.equal((await show("web")).cause?.class, "guest-panic");
  await order("web", "start");
  await runs("web", 5);
};
