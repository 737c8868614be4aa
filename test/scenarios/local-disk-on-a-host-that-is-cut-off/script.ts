import type { Day } from "../stage/day.ts";

export const script = async ({
  run,
  free,
  cut,
  hostIs,
  stays,
  show,
  machine,
  mend,
  runs,
  order,
  is,
}: Day) => {
  await run("files", "host-1", { isLocal: true });
  await free();
  cut("host-1");
  await hostIs("host-1", "down");
  await stays(
    "files is lost, and lives",
    1,
    async () => (await show("files")).state === "lost" && machine("files") !== undefined,
  );
  mend("host-1");
  await runs("files", 1);
  await hostIs("host-1", "up", 2);
  await order("files", "stop", { force: true });
  await is("files", "stopped");
};
