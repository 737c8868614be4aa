/** Two managers on one database: it makes no difference which one is asked, and either may be gone. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { project } from "./clients.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { until } from "./platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly { readonly id: string; readonly name: string }[];
}
interface Job {
  readonly state: string;
  readonly succeeded: number;
}

let cluster: Cluster;
before(async () => {
  cluster = await startCluster({ managers: 2, hosts: 2 });
});
after(() => cluster.close());
afterEach(() => assert.deepEqual(cluster.watch.violations, []));

const bothUp = () =>
  until("both managers are up", async () => {
    const up = await Promise.all(cluster.managers.map((manager) => manager.isUp()));
    return up.every(Boolean);
  });

/** Waits at one manager, by one long question after another, until the job is over. */
async function done(manager: number, job: string): Promise<Job> {
  for (;;) {
    const path = `${project}/jobs/${job}?waitSeconds=20`;
    const { body } = await cluster.ask<Job>(manager, "GET", path);
    if (body.state !== "running") return body;
  }
}

async function connectHostsTo(manager: number): Promise<void> {
  for (const host of cluster.hosts) {
    cluster.killAgent(host);
    await cluster.startAgent(host, [manager]);
  }
  await until("the hosts are there", () =>
    cluster.hosts.every(({ agent }) => agent?.link.identity() !== undefined),
  );
}

test("a host that is connected to one manager gets what was asked of the other, who also hears the end of it", async () => {
  await connectHostsTo(1);
  const began = performance.now();
  const asked = { name: "other", count: 6 };
  const { status, body } = await cluster.ask<Accepted>(0, "POST", `${project}/instances`, asked);
  assert.equal(status, 202);
  assert.deepEqual(await done(0, body.job).then(({ state, succeeded }) => [state, succeeded]), [
    "succeeded",
    6,
  ]);
  // By news. One who only looks now and then would have answered when the question was over.
  assert.ok(performance.now() - began < 15_000);
  for (const { id } of body.instances) assert.equal(cluster.watch.running(id).length, 1);

  const stops = body.instances.map(({ id }) =>
    cluster.ask<Accepted>(0, "POST", `${project}/instances/${id}/stop`, { force: true }),
  );
  for (const { body: stop } of await Promise.all(stops))
    assert.equal((await done(1, stop.job)).state, "succeeded");
  for (const { id } of body.instances) assert.deepEqual(cluster.watch.running(id), []);
});

test("the same key means the same request at both managers, at the same moment too", async () => {
  const headers = { "idempotency-key": "both" };
  const twice = <T>(path: string, body: object, key: Record<string, string>) =>
    Promise.all([0, 1].map((manager) => cluster.ask<T>(manager, "POST", path, body, key)));
  const runs = await twice<Accepted>(`${project}/instances`, { name: "once" }, headers);
  assert.deepEqual(
    runs.map(({ status }) => status),
    [202, 202],
  );
  assert.equal(runs[0]?.body.job, runs[1]?.body.job);
  assert.deepEqual(
    runs[0]?.body.instances.map(({ id }) => id),
    runs[1]?.body.instances.map(({ id }) => id),
  );
  for (let round = 1; round <= 5; round++) {
    const key = { "idempotency-key": `reboot-${round}` };
    await done(0, runs[0]?.body.job ?? "");
    const path = `${project}/instances/once/reboot`;
    const answers = await twice<Accepted>(path, { force: true }, key);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202],
    );
    assert.equal(answers[0]?.body.job, answers[1]?.body.job);
    await done(1, answers[0]?.body.job ?? "");
  }
  const other = await cluster.ask<{ code: string }>(
    1,
    "POST",
    `${project}/instances`,
    { name: "x" },
    headers,
  );
  assert.deepEqual([other.status, other.body.code], [409, "idempotency_key_reused"]);
});

test("each manager is killed in turn while it carries out what the other is then asked about", async () => {
  await cluster.hosts.reduce(async (before, host) => {
    await before;
    cluster.killAgent(host);
    await cluster.startAgent(host);
  }, Promise.resolve());
  for (const [killed, left] of [
    [0, 1],
    [1, 0],
  ] as const) {
    await bothUp();
    const asked = { name: `kill-${killed}`, count: 20 };
    const { body } = await cluster.ask<Accepted>(killed, "POST", `${project}/instances`, asked);
    cluster.managers[killed]?.kill();
    const job = await done(left, body.job);
    assert.deepEqual([job.state, job.succeeded], ["succeeded", 20]);
    const destroys = body.instances.map(({ id }) =>
      cluster.ask<Accepted>(left, "POST", `${project}/instances/${id}/destroy`, {}),
    );
    const accepted = await Promise.all(destroys);
    await bothUp();
    cluster.managers[left]?.kill();
    for (const { body: destroy } of accepted)
      assert.equal((await done(killed, destroy.job)).state, "succeeded");
    for (const { id } of body.instances) assert.deepEqual(cluster.watch.running(id), []);
  }
});

test("a setting that was changed at one manager is in force at the other", async () => {
  await bothUp();
  const { status } = await cluster.ask(0, "PUT", "/v1/settings/manager.instances_per_request", {
    value: 3,
  });
  assert.equal(status, 200);
  await until("the other refuses more", async () => {
    const asked = { name: "many", count: 4 };
    const { body } = await cluster.ask<{ code?: string }>(1, "POST", `${project}/instances`, asked);
    return body.code === "too_many_instances";
  });
});
