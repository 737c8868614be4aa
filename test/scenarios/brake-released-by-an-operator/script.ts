import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  cut,
  is,
  stays,
  certificates,
  release,
  runs,
  mend,
  hostIs,
}: Day) => {
  await run("web", "host-1");
  await run("db", "host-2");
  await free();
  cut("host-1");
  cut("host-2");
  await is("web", "lost");
  await is("db", "lost");
  await stays(
    "both are lost, and no proof of anything",
    4,
    async () => (await certificates()).length === 0,
  );
  await release("pod default");
  await runs("web", 2);
  await runs("db", 2);
  mend("host-1");
  mend("host-2");
  await hostIs("host-1", "up", 2);
  await hostIs("host-2", "up", 2);
};
