import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, migrate, moveIs, cut, mend, is, runs, hostIs }: Day) => {
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  cut("host-2");
  await moveIs("web", "failed");
  await is("web", "running");
  mend("host-2");
  await hostIs("host-2", "up");
  await migrate("web", "host-3", { copying: 60 });
  await moveIs("web", "copying");
  cut("host-1");
  await runs("web", 4);
  mend("host-1");
  await hostIs("host-1", "up");
};
