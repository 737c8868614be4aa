import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, off, is, hostIs, standsStill, note, show } = day;
  const tell = async () => {
    const { generation, host } = await show("web");
    note(`it is generation ${generation}, on ${host}`);
  };
  await run("web", "host-1");
  await free();
  await migrate("web", "host-2", { copying: 60 });
  await moveIs("web", "copying");
  await off("host-2");
  await moveIs("web", "failed");
  await is("web", "running");
  await tell();
  await hostIs("host-2", "up", 2);
  await migrate("web", "host-2", { copying: 2, switching: 20 });
  await standsStill("web");
  await off("host-2");
  await moveIs("web", "failed");
  await is("web", "running");
  await tell();
  await hostIs("host-2", "up", 3);
};
