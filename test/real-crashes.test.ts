/**
 * A sample of the crash matrix on real processes: a manager is killed with SIGKILL at a certain statement to a PostgreSQL
 * that syncs to the disk, before it or with its answer never heard. All points are tried in the simulator (docs/crash-matrix.md);
 * this is how we know that its way of dying is the real one.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import { project } from "./clients.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { until, wallClock } from "./platform.ts";
import { type Moment, openPostgresDoor, type PostgresDoor } from "./postgres-door.ts";

/** For what waits for a lease or a deadline, on a machine that is busy. */
const patience = 60_000;
const settings = {
  "hosts.lease": 5,
  "instances.stop_grace": 3,
  "instances.expunge_retry": 2,
  "manager.resync": 1,
};

let door: PostgresDoor;
let cluster: Cluster;
before(async () => {
  cluster = await startCluster({
    ...{ managers: 1, hosts: 2, settings },
    async way(url) {
      door = await openPostgresDoor(url);
      return door.url;
    },
  });
});
after(async () => {
  await cluster?.close();
  door?.close();
});

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}
interface Point {
  readonly name: string;
  /** What is asked for, in this order; the manager dies over the last one. */
  readonly asks: (name: string) => readonly Asked[];
  readonly at: RegExp;
  readonly moment: Moment;
  /** What becomes of the instance of this name. */
  readonly state: string;
}

const run = (name: string): Asked => ({
  ...{ method: "POST", path: `${project}/instances`, body: { name } },
});
const order = (name: string, verb: string, body: object = {}): Asked => ({
  ...{ method: "POST", path: `${project}/instances/${name}/${verb}`, body },
});

const points: readonly Point[] = [
  {
    name: "deploy, before its row is written",
    asks: (name) => [run(name)],
    ...{ at: /insert into instance\b/, moment: "before", state: "running" },
  },
  {
    name: "deploy, after its row is written",
    asks: (name) => [run(name)],
    ...{ at: /insert into instance\b/, moment: "after", state: "running" },
  },
  {
    name: "deploy, when it is committed and nobody has heard that",
    asks: (name) => [run(name)],
    ...{ at: /^commit$/, moment: "after", state: "running" },
  },
  {
    name: "deploy, before the word of its host is written",
    asks: (name) => [run(name)],
    ...{ at: /update instance\b/, moment: "before", state: "running" },
  },
  {
    name: "stop, before it is committed",
    asks: (name) => [run(name), order(name, "stop", { force: true })],
    ...{ at: /^commit$/, moment: "before", state: "stopped" },
  },
  {
    name: "stop, when it is committed and nobody has heard that",
    asks: (name) => [run(name), order(name, "stop", { force: true })],
    ...{ at: /^commit$/, moment: "after", state: "stopped" },
  },
  {
    name: "migrate, after the move is written",
    asks: (name) => [run(name), order(name, "migrate")],
    ...{ at: /insert into migration\b/, moment: "after", state: "running" },
  },
  {
    name: "migrate, before it is told of as done",
    asks: (name) => [run(name), order(name, "migrate")],
    ...{ at: /update migration\b/, moment: "before", state: "running" },
  },
  {
    name: "destroy, when it is committed and nobody has heard that",
    asks: (name) => [run(name), order(name, "destroy")],
    ...{ at: /^commit$/, moment: "after", state: "destroyed" },
  },
  {
    name: "expunge, before its volume is given back",
    asks: (name) => [run(name), order(name, "destroy"), order(name, "expunge")],
    ...{ at: /update volume\b/, moment: "before", state: "expunged" },
  },
];

describe("a manager that is killed at a certain statement", () => {
  for (const [index, { name, asks, at, moment, state }] of points.entries())
    test(name, async () => {
      const instance = `web-${index}`;
      const all = asks(instance);
      for (const [step, asked] of all.entries()) {
        const isLast = step === all.length - 1;
        if (isLast) door.arm(at, moment, () => cluster.managers[0]?.kill());
        const key = { "idempotency-key": `${instance}-${step}` };
        const { method, path, body } = asked;
        const answer = await cluster.call<{ job: string }>(method, path, body, key);
        assert.equal(answer.status, 202, JSON.stringify(answer.body));
        if (isLast) await until("the manager is killed", door.hasStruck, patience);
        assert.equal(await endOf(answer.body.job), "succeeded");
      }
      await until(
        `${instance} is ${state}`,
        async () => (await statesOf(instance))[0] === state,
        patience,
      );
      assert.equal((await statesOf(instance)).length, 1);
      await until(
        "nothing is under way",
        async () => (await cluster.unsettled()).length === 0,
        patience,
      );
      assert.deepEqual(cluster.watch.violations, []);
    });

  test("everything holds that always holds, and nothing of what is expunged is left", async () => {
    const { database, hosts, watch } = cluster;
    const monitor = openMonitor(database, { now: wallClock.now });
    const violations = await monitor.look({ everything: true });
    assert.deepEqual(
      violations.map(({ rule, name, says }) => `${rule}: ${name}: ${says}`),
      [],
    );
    for (const { name } of await database.query<{ name: string }>(
      "select name from instance where state not in ('expunged', 'expunging') order by name",
    ))
      for (const verb of ["destroy", "expunge"]) {
        const { method, path, body } = order(name, verb);
        const { status, body: said } = await cluster.call<{ job: string }>(method, path, body);
        if (status === 202) await endOf(said.job);
      }
    const kept = () =>
      hosts.flatMap(({ pools }) => [...(pools.get("local")?.volumes.keys() ?? [])]);
    await until(
      "the hosts have nothing",
      () => kept().length + watch.left().length === 0,
      patience,
    );
    const rows = await database.query("select from volume where state <> 'expunged'");
    assert.equal(rows.length, 0);
  });
});

const statesOf = async (name: string) =>
  (
    await cluster.database.query<{ state: string }>("select state from instance where name = $1", [
      name,
    ])
  ).map(({ state }) => state);

async function endOf(job: string): Promise<string | undefined> {
  let state: string | undefined;
  await until(
    "its job has ended",
    async () => {
      const answer = await cluster.call<{ state: string }>("GET", `${project}/jobs/${job}`);
      state = answer.body.state;
      return state !== "running";
    },
    patience,
  );
  return state;
}
