import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async (day: Day) => {
  const { run, free, bmc, off, on, hostIs, runs, station, stays } = day;
  await run("web", "host-1");
  await free();
  bmc("host-1", "dead");
  await off("host-1");
  await hostIs("host-1", "suspect");
  await on("host-1");
  await hostIs("host-1", "up", 2);
  bmc("host-1", "well");
  await stays("host-1 has its power", 3, () => station("host-1").isOn());
  await hostIs("host-1", "up", 2);
  await runs("web", 2);
};
