/** Following a job, with managers that die and come back meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { getJob, type JobView } from "@holdfast/cloud/jobs/api";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import { type Clock, type Duration, type Instant, milliseconds } from "@holdfast/kernel/time";
import { connect } from "./client.ts";
import { watchJob } from "./jobs.ts";
import { patiently } from "./patience.ts";
import { serveFake } from "./testing.ts";

const clock: Clock = {
  now: () => performance.now() as Instant,
  sleep: async (duration) => {
    await setTimeout(duration);
  },
};
const job = "0197a000-0000-7000-8000-000000000001";
const view = (succeeded: number, total = 2): JobView => ({
  id: job,
  kind: "run",
  state: succeeded < total ? "running" : "succeeded",
  instances: [],
  total,
  succeeded,
  failed: 0,
  cancelled: 0,
  problem: null,
  actor: "test",
  requestId: "r",
  createdAt: 0,
  finishedAt: null,
});

test("a job is followed to its end across a manager that is killed and started again", async (t) => {
  let done = 0;
  const handlers = [handle(getJob, async () => view(done))];
  let manager = await serveFake(handlers);
  t.after(() => manager.stop());
  const client = connect({ url: manager.url, token: "secret" });
  const away: string[] = [];
  const seen: number[] = [];
  const watching = watchJob(
    client,
    { project: "default", job, lookEvery: 0.05 },
    {
      clock,
      onAway: async ({ code }) => {
        if (away.push(code) > 1) return;
        done = 2; // The platform has gone on without this manager.
        manager = await serveFake(handlers, { port: manager.port });
      },
    },
  );
  for await (const { succeeded } of watching) {
    if (seen.push(succeeded) > 1) continue;
    done = 1;
    await manager.stop();
  }
  assert.deepEqual([seen[0], seen.at(-1)], [0, 2]);
  assert.equal(away[0], "manager_unreachable");
});

test("a manager that answers without waiting is not asked without end", async (t) => {
  let asked = 0;
  const manager = await serveFake([handle(getJob, async () => view(++asked > 4 ? 2 : 0))]);
  t.after(() => manager.stop());
  const naps: Duration[] = [];
  const patient = {
    clock: { now: () => 0 as Instant, sleep: async (nap: Duration) => void naps.push(nap) },
  };
  const client = connect({ url: manager.url, token: "secret" });
  for await (const _ of watchJob(client, { project: "default", job }, patient));
  assert.deepEqual(naps, [200, 200, 200]);
});

test("patience: waits as long as it is told, then passes the problem on", async () => {
  let now = 0;
  const naps: number[] = [];
  const patience = {
    clock: {
      now: () => now as Instant,
      sleep: async (nap: Duration) => {
        naps.push(nap);
        now += nap;
      },
    },
    giveUpAfter: milliseconds(9_000),
  };
  const away = problem("unavailable", "database_away", "It is away.", { retryAfterSeconds: 3 });
  await assert.rejects(
    patiently(() => Promise.reject(away), patience),
    { code: "database_away" },
  );
  assert.deepEqual(naps, [3_000, 3_000, 3_000]);
});

test("patience: what waiting does not change is not waited for", async () => {
  let asked = 0;
  const gone = () => {
    asked++;
    return Promise.reject(problem("not_found", "job_not_found", "There is no such job."));
  };
  await assert.rejects(patiently(gone, { clock }), { code: "job_not_found" });
  assert.equal(asked, 1);
});
