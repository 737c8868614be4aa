import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, until, ending, runs, mend, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1", "down");
  await until("its guard has killed web", () => ending("web", 1) !== undefined);
  await runs("web", 2);
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
