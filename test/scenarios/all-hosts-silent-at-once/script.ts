import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };
const all = ["host-1", "host-2", "host-3"] as const;

export const script = async ({
  run,
  free,
  cut,
  hostIs,
  stays,
  machine,
  certificates,
  mend,
  runs,
}: Day) => {
  await run("web", "host-1");
  await run("db", "host-2");
  await free();
  for (const host of all) cut(host);
  for (const host of all) await hostIs(host, "suspect");
  await stays(
    "both guests live, and no proof of anything",
    5,
    async () =>
      machine("web") !== undefined &&
      machine("db") !== undefined &&
      (await certificates()).length === 0,
  );
  for (const host of all) mend(host);
  for (const host of all) await hostIs(host, "up", 1);
  await runs("web", 1);
  await runs("db", 1);
};
