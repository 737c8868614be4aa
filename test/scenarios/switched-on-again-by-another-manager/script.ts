import type { Day } from "../stage/day.ts";

export const stage = { bmc: true, managers: 2 };

export const script = async ({
  run,
  free,
  cut,
  whenOff,
  mend,
  killManager,
  startManager,
  runs,
  hostIs,
}: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await whenOff("host-1", () => {
    mend("host-1");
    killManager("manager-1");
    killManager("manager-2");
  });
  await startManager("manager-2");
  await runs("web", 2);
  await hostIs("host-1", "up", 2);
};
