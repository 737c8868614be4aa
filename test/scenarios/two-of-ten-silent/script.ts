import type { Day } from "../stage/day.ts";

export const stage = { hosts: 10 };

export const script = async ({ run, free, cut, runs, mend, hostIs }: Day) => {
  await run("web", "host-1");
  await run("db", "host-2");
  await free();
  cut("host-1");
  cut("host-2");
  await runs("web", 2);
  await runs("db", 2);
  mend("host-1");
  mend("host-2");
  await hostIs("host-1", "up", 2);
  await hostIs("host-2", "up", 2);
};
