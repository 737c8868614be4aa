import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  order,
  is,
  show,
  cloud,
  until,
  machine,
  note,
  runs,
}: Day) => {
  await run("web", "host-1");
  await free();
  await order("web", "stop", { force: true });
  await is("web", "stopped");
  const { id } = await show("web");
  for (const { world } of cloud.stations) world.tempers.set(id as never, { launch: "hangs" });
  await order("web", "start");
  await until("it is being launched", () => machine("web") !== undefined);
  const where = cloud.stations.find(({ world }) =>
    [...world.machines.values()].some(({ exit }) => !exit),
  );
  for (const { world } of cloud.stations) world.tempers.clear();
  note("the host that launches it loses its power");
  await where?.off();
  await runs("web", 3);
};
