import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, is, order, mend, hostIs }: Day) => {
  await run("stop-me", "host-1");
  await run("destroy-me", "host-1");
  await free();
  cut("host-1");
  await is("stop-me", "lost");
  await is("destroy-me", "lost");
  await order("stop-me", "stop");
  await order("destroy-me", "destroy");
  await is("stop-me", "stopped");
  await is("destroy-me", "destroyed");
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
