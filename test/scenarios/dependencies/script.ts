import assert from "node:assert/strict";
import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, cut, runs, cloud, note }: Day) => {
  await run("db", "host-1");
  await run("app", "host-1", { dependsOn: ["db"] });
  await free();
  cut("host-1");
  await runs("db", 2);
  await runs("app", 2);
  const rows = await cloud.database.query<{ name: string }>(
    `select i.name || ' ' || j.event as name from journal j join instance i on i.id = j.subject
     where j.generation = 2 and j.event in ('autoStart', 'bootConfirmed') order by j.seq`,
  );
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["db autoStart", "db bootConfirmed", "app autoStart", "app bootConfirmed"],
  );
  note("db was up before app was started");
};
