import type { Day } from "../stage/day.ts";

export const stage = { hosts: 2, memoryMiB: 1_000 };

export const script = async ({ call, run, free, cut, runs, until, show }: Day) => {
  await call("PUT", "/v1/types/large", { cpus: 1, memoryMiB: 600, diskGiB: 1 });
  await call("PUT", "/v1/types/small", { cpus: 1, memoryMiB: 300, diskGiB: 1 });
  await run("low", "host-1", { type: "small", priority: 1 });
  await run("high", "host-1", { type: "small", priority: 9 });
  await run("middle", "host-1", { type: "small", priority: 5 });
  await run("other", "host-2", { type: "large" });
  await free();
  cut("host-1");
  await runs("high", 2);
  await until(
    "the others have been refused",
    async () =>
      (await show("low")).cause?.class === "insufficient-capacity" &&
      (await show("middle")).cause?.class === "insufficient-capacity",
  );
};
