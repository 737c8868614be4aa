import assert from "node:assert/strict";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
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
  const known = cloud.pool.storage.volumes.get(volume as VolumeId); // As the database has it.
  assert.ok(known);
  const opener = { instance: id as InstanceId, generation: 9 };
  known.exports = { ...known.exports, openers: [opener] };
  await order("web", "start");
  await is("web", "failed");
  assert.equal(machine("web"), undefined);
};
