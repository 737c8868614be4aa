import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const stage = { bmc: true };

export const script = async ({
  run,
  free,
  did,
  call,
  cloud,
  until,
  off,
  on,
  hostIs,
  show,
  stays,
}: Day) => {
  for (const name of ["a", "b", "c"]) await run(name, "host-1");
  await free();
  for (const { name } of (await call<{ instances: { name: string }[] }>("GET", `${at}`)).body
    .instances)
    await call("PUT", `${at}/${name}/maintenance-policy`, {
      policy: name === "c" ? "reboot" : "stop",
    });
  did("host-1 is to be emptied");
  const asked = { noticeSeconds: 0, reason: "new memory" };
  const { status, body } = await call("PUT", "/v1/hosts/host-1/maintenance", asked);
  assert.equal(status, 200, JSON.stringify(body));
  await until("it is being emptied", async () => (await state()) === "emptying");
  await off("host-1");
  for (const name of ["a", "b", "c"])
    await until(`${name} runs elsewhere`, async () => {
      const now = await show(name);
      return now.state === "running" && now.host !== "host-1" && now.host !== null;
    });
  await until("nobody is left there", async () => (await state()) === "in-maintenance");
  for (const name of ["a", "b", "c"]) assert.equal((await show(name)).generation, 2, name);
  await on("host-1");
  await hostIs("host-1", "up");
  await stays("nothing runs on host-1", 2, async () => {
    const all = await Promise.all(["a", "b", "c"].map(show));
    return all.every(({ host }) => host !== "host-1");
  });
  did("host-1 is given back");
  await call("DELETE", "/v1/hosts/host-1/maintenance");
  await until("it may be used again", async () => {
    const rows = await cloud.database.query(
      "select from host where name = 'host-1' and mode = 'enabled'",
    );
    return rows.length === 1;
  });

  async function state() {
    return (await call<{ state: string }>("GET", "/v1/hosts/host-1/maintenance")).body.state;
  }
};

const at = "/v1/projects/default/instances";
