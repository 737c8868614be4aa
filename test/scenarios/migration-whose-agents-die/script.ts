import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, migrate, moveIs, killAgent, is, leases }: Day) => {
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  killAgent("host-2");
  await moveIs("web", "failed");
  await is("web", "running");
  await leases(2);
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  killAgent("host-1");
  await moveIs("web", "failed");
  await is("web", "running");
};
