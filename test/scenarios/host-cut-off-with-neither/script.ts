import type { Day } from "../stage/day.ts";

export const stage = { watchdog: "none" } as const;

export const script = async ({
  run,
  free,
  cut,
  is,
  stays,
  show,
  certificates,
  mend,
  runs,
  hostIs,
}: Day) => {
  await run("web", "host-1");
  await free();
  cut("host-1");
  await is("web", "lost");
  await stays(
    "web is lost, and no proof of anything",
    4,
    async () => (await show("web")).state === "lost" && (await certificates()).length === 0,
  );
  mend("host-1");
  await runs("web", 2);
  await hostIs("host-1", "up", 1);
};
