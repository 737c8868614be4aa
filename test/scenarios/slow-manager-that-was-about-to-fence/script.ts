import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { managers: 2 };

export const script = async ({
  run,
  free,
  cut,
  hostIs,
  pause,
  runs,
  mend,
  resume,
  stays,
  show,
  certificates,
}: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await hostIs("host-1", "suspect");
  pause("manager-1");
  await runs("web", 2);
  mend("host-1");
  await hostIs("host-1", "up", 2);
  resume("manager-1");
  await stays(
    "web runs elsewhere, host-1 is up",
    2,
    async () => (await show("web")).generation === 2,
  );
  assert.equal((await certificates()).length, 1);
};
