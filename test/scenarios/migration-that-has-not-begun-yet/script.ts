import type { Day } from "../stage/day.ts";

export const stage = { bmc: true, settings: { "migrations.preparing": 20 } };

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, runs, is, cut, mend, killAgent, off, station } = day;
  const { hostIs, heard, until, stays, livesOn, show, did, note } = day;
  const tell = async () => {
    const { generation, host } = await show("web");
    note(`it is generation ${generation}, on ${host}`);
  };
  await run("web", "host-1");
  await free();

  cut("host-2", "down"); // So that it does not hear of the move before it dies.
  await migrate("web", "host-2", { copying: 5 });
  await moveIs("web", "preparing");
  killAgent("host-2");
  mend("host-2");
  await runs("web", 2);
  await moveIs("web", "done");

  cut("host-2", "down"); // The source does not hear that it may begin.
  await migrate("web", "host-1", { copying: 5 });
  await moveIs("web", "copying");
  killAgent("host-1");
  await until("the agent of host-1 is back", heard("host-1"));
  mend("host-2");
  await runs("web", 3);
  await moveIs("web", "done");

  cut("host-2", "down");
  await migrate("web", "host-2", { copying: 5 });
  await moveIs("web", "preparing");
  killAgent("host-2", false);
  mend("host-2");
  await stays("web lives on host-1", 5, () => `${livesOn("web")}` === "host-1");
  await moveIs("web", "preparing");
  did("start the agent of host-2");
  await station("host-2").startAgent();
  await moveIs("web", "failed");
  await is("web", "running");
  await tell();

  cut("host-3", "down");
  await migrate("web", "host-3", { copying: 5 });
  await moveIs("web", "preparing");
  await off("host-3");
  mend("host-3");
  await moveIs("web", "failed");
  await is("web", "running");
  await tell();
  await hostIs("host-3", "up", 2);
};
