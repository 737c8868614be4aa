/**
 * What the days with a frozen agent have in common: only how long it lasts differs, and whether its guard has
 * had enough of it by then.
 */
import assert from "node:assert/strict";
import type { Day } from "./day.ts";

/** From ten seconds of silence on, while managers answer, a guard has its agent started anew. */
const patienceOfGuards = 2;

/** `leases`: for how many of them it stands still. */
export const frozenAgent = (leases: number) => async (day: Day) => {
  const { run, free, freezeAgent, stays, show, machine, thawAgent, until, heard, deeds } = day;
  const isRunning = async () => (await show("web")).state === "running";
  await run("web", "host-1");
  await free();
  await freezeAgent("host-1");
  await stays(
    "web runs, and host-1 is up",
    leases,
    async () => (await isRunning()) && machine("web") !== undefined,
  );
  thawAgent("host-1");
  await stays("web runs, and host-1 is up", 1, isRunning);
  await until("its agent is heard", heard("host-1"));
  const isHelped = leases > patienceOfGuards;
  assert.deepEqual(deeds("host-1"), isHelped ? ["the guard kills the agent"] : []);
};
