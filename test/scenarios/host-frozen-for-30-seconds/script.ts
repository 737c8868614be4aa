import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { watchdog: "none" } as const;

export const script = async ({
  run,
  free,
  freeze,
  is,
  stays,
  show,
  certificates,
  thaw,
  runs,
  ending,
  hostIs,
}: Day) => {
  await run("web", "host-1");
  await free();
  await freeze("host-1");
  await is("web", "lost");
  await stays(
    "web is lost, and no proof of anything",
    5,
    async () => (await show("web")).state === "lost" && (await certificates()).length === 0,
  );
  thaw("host-1");
  await runs("web", 2);
  assert.equal(ending("web", 1)?.fenced?.why, "lease-expired");
  await hostIs("host-1", "up", 1);
};
