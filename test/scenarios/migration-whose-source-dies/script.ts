import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, off, runs, hostIs, standsStill, show } = day;
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  await off("host-1");
  await runs("web", 3);
  await moveIs("web", "failed");
  await hostIs("host-1", "up", 2);
  const from = (await show("web")).host === "host-2" ? "host-2" : "host-3";
  await migrate("web", "host-1", { copying: 2, switching: 20 });
  await standsStill("web");
  await off(from);
  await runs("web", 5);
  await moveIs("web", "failed");
  await hostIs(from, "up");
};
