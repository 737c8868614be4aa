import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, order, is, show, cloud, note, machine }: Day) => {
  await run("web", "host-1");
  await free();
  await order("web", "stop", { force: true });
  await is("web", "stopped");
  const { id } = await show("web");
  const [{ volume } = { volume: "" }] = await cloud.database.query<{ volume: string }>(
    "select volume_id as volume from instance where id = $1",
    [id],
  );
  note("generation 9 claims the volume");
  await writeFile(
    join(cloud.pool.directory, "volumes", `${volume}.claim`),
    JSON.stringify({ instance: id, generation: 9, host: "elsewhere" }),
  );
  await order("web", "start");
  await is("web", "failed");
  assert.equal(machine("web"), undefined);
};
