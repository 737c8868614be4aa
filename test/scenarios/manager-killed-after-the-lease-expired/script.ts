import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  cut,
  until,
  cloud,
  killManager,
  startManager,
  runs,
  mend,
  hostIs,
}: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await until(
    "it is written down",
    async () =>
      (await cloud.database.query("select from host where state = 'suspect'")).length === 1,
  );
  killManager("manager-1");
  await startManager("manager-1");
  await runs("web", 2);
  mend("host-1");
  await hostIs("host-1", "up", 2);
};
