import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  cut,
  runs,
  mend,
  hostIs,
  ending,
  certificates,
  note,
  stays,
  show,
}: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await runs("web", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "watchdog"); // The oracle knows when it may be proven at the earliest.
  assert.equal(ending("web", 1)?.fenced?.why, "lease-expired");
  note("its guard has killed generation 1");
  mend("host-1");
  await hostIs("host-1", "up", 2);
  await stays(
    "web runs elsewhere, and only there",
    1,
    async () => (await show("web")).generation === 2,
  );
};
