import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  hang,
  cut,
  runs,
  deeds,
  unhang,
  mend,
  hostIs,
  stays,
  show,
}: Day) => {
  await run("web", "host-1");
  await free();
  hang("host-1");
  cut("host-1");
  await runs("web", 2);
  assert.deepEqual(deeds("host-1"), ["the watchdog fires"]);
  unhang("host-1");
  mend("host-1");
  await hostIs("host-1", "up", 2);
  await stays(
    "web runs elsewhere, and only there",
    1,
    async () => (await show("web")).generation === 2,
  );
};
