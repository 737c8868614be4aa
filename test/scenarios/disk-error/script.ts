import type { Day } from "../stage/day.ts";

export const stage = { settings: { "checks.interval": 0.4 } };

export const script = async ({
  run,
  free,
  die,
  until,
  call,
  stays,
  machine,
  order,
  is,
  runs,
}: Day) => {
  await run("web", "host-1");
  await free();
  die("web", "disk-error");
  await until("its volume is impaired", async () => {
    const { body } = await call<{ volume: { status: string } }>(
      "GET",
      `/v1/projects/default/instances/web/status`,
    );
    return JSON.stringify(body).includes("impaired");
  });
  await stays("it is the same machine", 1, () => machine("web")?.spec.generation === 1);
  await order("web", "stop", { force: true });
  await is("web", "stopped");
  await order("web", "start");
  await runs("web", 2);
};
