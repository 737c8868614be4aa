import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, killAgent, stays, show, machine }: Day) => {
  await run("web", "host-1");
  await free();
  killAgent("host-1", false);
  await stays("web runs, as far as anybody can know", 5, async () => {
    const { state, generation } = await show("web");
    return state === "running" && generation === 1 && machine("web") !== undefined;
  });
};
