import type { Day } from "../stage/day.ts";

const all = ["host-1", "host-2", "host-3"] as const;

export const script = async ({
  run,
  free,
  off,
  killManager,
  startManager,
  on,
  hostIs,
  runs,
}: Day) => {
  await run("web", "host-1");
  await run("files", "host-2", { isLocal: true });
  await free();
  for (const host of all) await off(host);
  killManager("manager-1");
  await startManager("manager-1");
  for (const host of all) await hostIs(host, "suspect");
  await on("host-1");
  await hostIs("host-1", "up", 2);
  await runs("web", 2);
  await on("host-2");
  await hostIs("host-2", "up", 2);
  await runs("files", 2);
  await on("host-3");
  await hostIs("host-3", "up", 2);
};
