import type { Day } from "../stage/day.ts";

export const stage = { hosts: 2, memoryMiB: 1_000 };

export const script = async ({ call, run, free, cut, until, show, stays, order, runs }: Day) => {
  await call("PUT", "/v1/types/large", { cpus: 1, memoryMiB: 600, diskGiB: 1 });
  await run("web", "host-1", { type: "large" });
  await run("other", "host-2", { type: "large" });
  await free();
  cut("host-1");
  await until(
    "there is no room for web",
    async () => (await show("web")).cause?.class === "insufficient-capacity",
  );
  await stays("web is stopped, and wanted running", 1, async () => {
    const { state, desired } = await show("web");
    return state === "stopped" && desired === "running";
  });
  await order("other", "destroy");
  await runs("web", 2);
};
