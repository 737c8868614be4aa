import type { Day } from "../stage/day.ts";

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, runs, killManager, startManager, abort, is } = day;
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 5 });
  await runs("web", 2);
  await moveIs("web", "done");
  await migrate("web", "host-1");
  await moveIs("web", "copying");
  killManager("manager-1");
  await startManager("manager-1");
  await runs("web", 3);
  await moveIs("web", "done");
  await migrate("web", "host-3", { copying: 60 });
  await moveIs("web", "copying");
  await abort("web");
  await moveIs("web", "aborted");
  await is("web", "running");
};
