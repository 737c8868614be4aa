import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, off, did, station, runs, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  await off("host-1");
  did("host-1 boots, without its agent");
  await station("host-1").on({ withAgent: false });
  await runs("web", 2);
  await station("host-1").startAgent();
  await hostIs("host-1", "up", 2);
};
