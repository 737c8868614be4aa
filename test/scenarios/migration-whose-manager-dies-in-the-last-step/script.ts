import type { Day } from "../stage/day.ts";

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, runs, killManager, startManager } = day;
  const { standsStill, livesOn, until, note } = day;
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 5, switching: 1 });
  await standsStill("web");
  killManager("manager-1");
  await until("web lives on host-2", () => `${livesOn("web")}` === "host-2");
  note("web lives on host-2");
  await startManager("manager-1");
  await runs("web", 2);
  await moveIs("web", "done");
};
