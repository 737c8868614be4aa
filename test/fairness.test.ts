/** Who asks for one is not made to wait for another's hundreds: over the real API, with hosts that are simulated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedPlatform } from "./platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly { readonly name: string }[];
}

const platform = await sharedPlatform({ managers: 1, hosts: 3, cpus: 1_000, memoryMiB: 2_000_000 });

const run = (project: string, count: number) =>
  platform.call<Accepted>("POST", `/v1/projects/${project}/instances`, { count });

async function outcome(project: string, { job }: Accepted): Promise<string> {
  for (;;) {
    const path = `/v1/projects/${project}/jobs/${job}?waitSeconds=20`;
    const { body } = await platform.call<{ state: string }>("GET", path);
    if (body.state !== "running") return body.state;
  }
}

test("one instance is accepted before another project's six hundred are, and all of them come to run", async () => {
  await platform.call("POST", "/v1/projects", { name: "neighbour" });
  const answered: string[] = [];
  const [crowd, lone] = await Promise.all([
    run("default", 600).finally(() => answered.push("crowd")),
    run("neighbour", 1).finally(() => answered.push("lone")),
  ]);
  assert.deepEqual([crowd.status, lone.status], [202, 202]);
  assert.equal(crowd.body.instances.length, 600);
  assert.deepEqual(answered, ["lone", "crowd"]);
  assert.equal(await outcome("neighbour", lone.body), "succeeded");
  assert.equal(await outcome("default", crowd.body), "succeeded");
});
