import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { watchdog: "none" } as const;

export const script = async ({
  run,
  free,
  killGuard,
  cut,
  is,
  attest,
  runs,
  ending,
  note,
  mend,
  hostIs,
  stays,
  show,
}: Day) => {
  await run("web", "host-1");
  await free();
  killGuard("host-1", false);
  cut("host-1");
  await is("web", "lost");
  await attest("host-1");
  await runs("web", 2);
  assert.equal(ending("web", 1), undefined);
  note("generation 1 is alive, against the word of the operator");
  mend("host-1");
  await hostIs("host-1", "up", 2);
  assert.notEqual(ending("web", 1), undefined);
  note("generation 1 has ended");
  await stays(
    "web runs elsewhere, and only there",
    1,
    async () => (await show("web")).generation === 2,
  );
};
