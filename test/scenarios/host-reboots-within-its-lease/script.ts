import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, reboot, hostIs, runs, certificates }: Day) => {
  await run("web", "host-1");
  await run("files", "host-1", { isLocal: true });
  await free();
  await reboot("host-1");
  await hostIs("host-1", "up", 2);
  await runs("web", 2);
  await runs("files", 2);
  const [{ proof } = {}] = await certificates();
  assert.equal(proof, "boot-id");
};
