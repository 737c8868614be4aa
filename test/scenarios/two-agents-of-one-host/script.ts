import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  note,
  station,
  stays,
  show,
  until,
  heard,
  order,
  is,
}: Day) => {
  await run("web", "host-1");
  await free();
  note("a second agent of host-1 starts");
  const first = station("host-1").agent;
  station("host-1").agent = undefined;
  await station("host-1").startAgent();
  await stays("web runs as generation 1", 2, async () => {
    const { state, generation } = await show("web");
    return state === "running" && generation === 1;
  });
  first?.kill();
  note("the first one ends");
  await until("the other is heard", heard("host-1"));
  await order("web", "stop", { force: true });
  await is("web", "stopped");
};
