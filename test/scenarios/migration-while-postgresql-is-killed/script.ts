import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { ownServer: true };

export const script = async (day: Day) => {
  const { run, free, migrate, moveIs, runs, is, standsStill, livesOn, until, stays, did } = day;
  const { cloud, leases, show, note, certificates } = day;
  const kill = () => {
    did("kill PostgreSQL");
    cloud.server?.kill();
  };
  const start = async () => {
    did("start PostgreSQL");
    await cloud.server?.revive();
  };
  const lives = async (host: string) => {
    await until(`web lives on ${host}`, () => `${livesOn("web")}` === host);
    note(`web lives on ${host}`);
  };
  await run("web", "host-1");
  await free();

  await migrate("web", "host-2");
  await moveIs("web", "copying");
  kill();
  await leases(0.5);
  assert.deepEqual(livesOn("web"), ["host-1"]);
  await start();
  await runs("web", 2);
  await moveIs("web", "done");

  await migrate("web", "host-1", { copying: 5, switching: 1 });
  await standsStill("web");
  kill();
  await lives("host-1");
  await start();
  await runs("web", 3);
  await moveIs("web", "done");

  await migrate("web", "host-3", { copying: 5, switching: 20 });
  await standsStill("web");
  kill();
  await lives("host-1");
  await stays("web lives there", 1, () => `${livesOn("web")}` === "host-1");
  await start();
  await moveIs("web", "failed");
  await is("web", "running");
  const { generation, host } = await show("web");
  note(`it is generation ${generation}, on ${host}`);
  assert.deepEqual(await certificates(), []);
};
