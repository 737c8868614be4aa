import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, migrate, moveIs, cutBetween, is }: Day) => {
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  cutBetween("host-1", "host-2");
  await moveIs("web", "failed");
  await is("web", "running");
};
