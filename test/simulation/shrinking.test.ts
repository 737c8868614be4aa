/** A run in which something breaks is told as the little that it takes to break it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Item } from "../../apps/simulator/plan.ts";
import { type RunOptions, run } from "../../apps/simulator/run.ts";
import { brokenText, shrinkRun, smallCloud } from "../../apps/simulator/seeds.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import { giveBackTime, takeOverTime } from "../../apps/simulator/time.ts";

const databases = await openDatabases();
takeOverTime();
after(async () => {
  giveBackTime();
  await databases.close();
});

const item = (at: number, deed: Item["do"], on = 0): Item => ({
  ...{ at, do: deed, on, other: 0, lasts: 500, how: "force" },
});

/** As if nobody had ever thought of an instance that is stopped while there are two. */
const forbidding: RunOptions["monitor"] = async ({ sql }) => {
  const rows = await sql.query<{ name: string }>(
    `select name from instance where state = 'stopped' and desired = 'stopped'
       and (select count(*) from instance) > 1 order by name`,
  );
  return rows.map(({ name }) => `${name} is stopped, and it is not alone`);
};

test("what is left of a plan is what it takes to break the same", async () => {
  const plan = [
    item(0, "create"),
    item(50, "agent-dies", 1),
    item(100, "create"),
    item(300, "reboot", 1),
    item(900, "guard-dies", 2),
    item(1_500, "stop", 0),
  ];
  const options = { ...smallCloud(5), plan, length: 2_000, monitor: forbidding };
  const broken = await run(options, databases);
  assert.deepEqual(broken.violations, ["i-1 is stopped, and it is not alone"]);
  const shrunk = await shrinkRun(broken, databases, 30);
  assert.deepEqual(
    shrunk.outcome.plan.map(({ do: deed }) => deed),
    ["create", "create", "stop"],
  );
  const text = brokenText(shrunk, "holdfast sim --seed 5");
  assert.match(text, /seed 5 breaks/);
  assert.match(text, /i-1 is stopped, and it is not alone/);
  assert.match(text, /stop force on 0/);
  assert.match(text, /See it again: holdfast sim --seed 5/);
});
