/** Quotas on a whole platform: what is too much is refused, also where two ask at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, sharedPlatform, until } from "./platform.ts";

const platform = await sharedPlatform({ managers: 2, hosts: 2 });

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly facts: Readonly<Record<string, unknown>>;
}
interface Run {
  readonly job: string;
}

const post = <T>(path: string, body: object) => platform.call<T>("POST", path, body);
const limit = async (project: string, resource: string, most: number | null) => {
  const { status } = await platform.call("PUT", "/v1/quotas", { project, resource, most });
  assert.equal(status, 200);
};
const newProject = async (name: string) => {
  await post("/v1/projects", { name });
  return `/v1/projects/${name}`;
};
const ended = (at: string, { body }: Answer<Run>) =>
  platform.call("GET", `${at}/jobs/${body.job}?waitSeconds=30`);
const usedOf = async (at: string, resource: string) => {
  type Quotas = { quotas: { resource: string; used: number }[] };
  const { body } = await platform.call<Quotas>("GET", `${at}/quotas`);
  return body.quotas.find((one) => one.resource === resource)?.used;
};

test("what would be too much is refused with what, how much there is, the limit, and what to do", async () => {
  const at = await newProject("small");
  await limit("small", "instances", 2);
  const first = await post<Run>(`${at}/instances`, { name: "web", count: 2 });
  assert.equal(first.status, 202);
  const { status, body } = await post<Refusal>(`${at}/instances`, { name: "more" });
  assert.equal(status, 507);
  assert.equal(body.code, "quota_exceeded");
  assert.deepEqual(body.facts, { resource: "instances", limit: 2, used: 2, wanted: 1 });
  assert.match(body.fix, /holdfast quotas set instances N/);
  await ended(at, first);
  assert.equal(await usedOf(at, "instances"), 2);
});

test("a request that is too much as a whole makes nothing of it", async () => {
  const at = await newProject("whole");
  await limit("whole", "cpus", 3);
  const { status } = await post<Refusal>(`${at}/instances`, { name: "many", count: 4 });
  assert.equal(status, 507);
  for (const resource of ["instances", "cpus", "volumes", "memoryMiB"])
    assert.equal(await usedOf(at, resource), 0, resource);
  assert.equal((await post<Run>(`${at}/instances`, { name: "many", count: 3 })).status, 202);
});

test("many who ask at once, of two managers, get as many as there may be and not one more", async () => {
  const at = await newProject("race");
  await limit("race", "instances", 5);
  await limit("race", "volumes", 7);
  const ports = platform.managers.map((manager) => manager?.apiPort);
  const ask = async (path: string, index: number, body: object) => {
    const response = await fetch(`http://127.0.0.1:${ports[index % 2]}${at}/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${platform.token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    return response.status;
  };
  const runs = Array.from({ length: 20 }, (_, index) =>
    ask("instances", index, { name: `r-${index}` }),
  );
  const volumes = Array.from({ length: 20 }, (_, index) =>
    ask("volumes", index, { name: `v-${index}`, sizeGiB: 1 }),
  );
  const [ran, made] = [await Promise.all(runs), await Promise.all(volumes)];
  const count = (all: readonly number[], status: number) =>
    all.filter((one) => one === status).length;
  assert.equal(count(ran, 202) + count(ran, 507), 20);
  assert.equal(count(made, 201) + count(made, 507), 20);
  // Instances have volumes too: whoever came first has taken them.
  assert.ok((await usedOf(at, "instances")) === count(ran, 202) && count(ran, 202) <= 5);
  assert.equal(await usedOf(at, "volumes"), 7);
  assert.equal(count(ran, 202) + count(made, 201), 7);
});

test("what is expunged is free again, and so is what could not be made", async () => {
  const at = await newProject("again");
  await limit("again", "instances", 1);
  for (const name of ["one", "two", "three"]) {
    const run = await post<Run>(`${at}/instances`, { name });
    assert.equal(run.status, 202, JSON.stringify(run.body));
    await ended(at, run);
    assert.equal((await post(`${at}/instances`, { name: "beside" })).status, 507);
    await ended(at, await post<Run>(`${at}/instances/${name}/destroy`, {}));
    assert.equal((await post(`${at}/instances`, { name: "early" })).status, 507, "not before");
    await ended(at, await post<Run>(`${at}/instances/${name}/expunge`, {}));
    await until(`${name} is gone`, async () => (await usedOf(at, "instances")) === 0);
  }
  const taken = await post<Refusal>(`${at}/instances`, { name: "x", type: "nonsense" });
  assert.notEqual(taken.status, 202);
  assert.equal((await post<Run>(`${at}/instances`, { name: "last" })).status, 202);
});

test("of everything else as well: volumes, their size, addresses, networks, groups, images, snapshots", async () => {
  const at = await newProject("every");
  await post("/v1/public-ranges", { cidr: "203.0.113.0/24" });
  const made = await post<Run>(`${at}/volumes`, { name: "v", sizeGiB: 2 });
  assert.equal(made.status, 201);
  for (const [resource, path, body] of [
    ["volumeGiB", "volumes", { name: "w", sizeGiB: 2 }],
    ["volumeGiB", "volumes/v/resize", { sizeGiB: 4 }],
    ["addresses", "addresses", {}],
    ["networks", "networks", { name: "n" }],
    ["securityGroups", "security-groups", { name: "g" }],
    ["images", "images", { name: "i" }],
  ] as const) {
    await limit("every", resource, resource === "volumeGiB" ? 3 : 0);
    const { status, body: refusal } = await post<Refusal>(`${at}/${path}`, body);
    assert.deepEqual([status, refusal.code], [507, "quota_exceeded"], path);
    assert.equal(refusal.facts.resource, resource);
    await limit("every", resource, null);
    const allowed = await post(`${at}/${path}`, body);
    assert.ok(allowed.status < 300, `${path}: ${JSON.stringify(allowed.body)}`);
  }
});
