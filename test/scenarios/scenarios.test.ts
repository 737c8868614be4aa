/**
 * Every folder here is a bad day: README.md says what happened and what must hold, script.ts what is done to
 * the cloud, and expected.log what the cloud did about it. Read a diff of expected.log as a change in
 * behaviour; accept it with UPDATE=1.
 *
 * During each day and after it the oracle looks for what must never be (stage/oracle.ts). After it everything
 * is mended, and the cloud must come back to normal by itself, with nothing left behind. ONLY=name runs one.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { seeded } from "@holdfast/kernel/random";
import { stopTestServer } from "@holdfast/store/testing";
import { type Cloud, type CloudOptions, openCloud } from "./stage/cloud.ts";
import { become, type Day, newDay } from "./stage/day.ts";
import { newTale } from "./stage/tale.ts";
import { holding, takeOverTime, useTime } from "./stage/time.ts";

interface Script {
  readonly stage?: CloudOptions;
  readonly script: (day: Day) => Promise<void>;
}

takeOverTime();
const seed = 7;
const asked = process.env.ONLY?.split(",");
const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .map(({ name }) => name)
  .filter((name) => existsSync(join(import.meta.dirname, name, "script.ts")))
  .filter((name) => !asked || asked.includes(name));

after(async () => {
  const rest = useTime(); // It waits for the server to end, which takes time.
  await holding(stopTestServer);
  rest();
});

describe("bad days", { concurrency: Number(process.env.HOLDFAST_DAYS_AT_ONCE ?? 6) }, () => {
  for (const name of folders) test(name.replaceAll("-", " "), () => tell(name));
});

async function tell(name: string): Promise<void> {
  const folder = join(import.meta.dirname, name);
  const { stage, script }: Script = await import(join(folder, "script.ts"));
  const began = performance.now();
  const spent = (on: string) =>
    process.env.HOLDFAST_TIMES && console.error(name, on, Math.round(performance.now() - began));
  const cloud = await openCloud(stage ?? {}, seeded(seed));
  spent("open");
  try {
    const tale = newTale(cloud.database);
    await tale.skip();
    await script(newDay(cloud, tale));
    spent("told");
    await cloud.oracle.look();
    assert.deepEqual(cloud.oracle.violations, [], tale.text());
    compare(join(folder, "expected.log"), tale.text());
    await cameBack(cloud);
    spent("came back");
    assert.deepEqual(cloud.oracle.violations, [], tale.text());
  } finally {
    await cloud.close();
    spent("closed");
  }
}

function compare(expected: string, told: string): void {
  if (process.env.UPDATE) writeFileSync(expected, told);
  assert.ok(existsSync(expected), `nobody has accepted this story yet (UPDATE=1):\n${told}`);
  assert.equal(told, readFileSync(expected, "utf8"));
}

/** Whatever was done to it is over: every host comes back, and everything can be taken away. */
async function cameBack(cloud: Cloud): Promise<void> {
  for (const { isUp, isPaused, start, resume } of cloud.managers) {
    if (isPaused()) resume();
    if (!isUp()) await start();
  }
  cloud.bmc?.behave("well");
  for (const station of cloud.stations) {
    station.cable.mend();
    station.hang(false);
    station.thaw();
    await station.on();
    await station.startGuard();
    await station.startAgent();
  }
  await become("every host is up", async () => {
    const rows = await cloud.database.query("select from host where state <> 'up'");
    return rows.length === 0;
  });
  const all = await cloud.database.query<{ id: string }>(
    "select id from instance where state <> 'expunged'",
  );
  for (const verb of ["destroy", "expunge"]) {
    for (const { id } of all)
      await cloud.call("POST", `/v1/projects/default/instances/${id}/${verb}`, {});
    const done = verb === "destroy" ? ["destroyed", "expunging", "expunged"] : ["expunged"];
    await become(`all are past ${verb}`, async () => {
      const rows = await cloud.database.query("select from instance where state <> all($1)", [
        done,
      ]);
      return rows.length === 0;
    });
  }
  await become("nothing is left on any host", () => cloud.oracle.left().length === 0);
  assert.deepEqual([...cloud.pool.storage.volumes.keys()], []);
  for (const { name, pools, loans } of cloud.stations) {
    assert.deepEqual([...(pools.get("local")?.volumes.keys() ?? [])], [], name);
    // An agent that finds what an earlier life of its host had open looks for it every few seconds.
    await become(`${name} has nothing open`, async () => (await loans.load()).length === 0);
  }
  const claimed = await cloud.database.query("select name from host where reserved_cpus <> 0");
  assert.deepEqual(claimed, []);
}
