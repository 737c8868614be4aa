/** Networks through the API of two managers: what instances are given at birth, and that all of it comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { type Answer, sharedPlatform, until } from "./platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly InstanceView[];
}
interface Named {
  readonly id: string;
  readonly name: string;
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 2, hosts: 2 });

/** Must be carried out. */
async function ask<T = Named>(method: string, path: string, body?: object): Promise<T> {
  const answer = await platform.call<T>(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Through the given manager. */
async function run(manager: number, body: object): Promise<Answer<Accepted>> {
  const port = platform.managers[manager]?.apiPort;
  const response = await fetch(`http://127.0.0.1:${port}${at}/instances`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Accepted }; // The tests look at it.
}

/** The answer comes with each progress, and they need not all come up together. */
async function done(job: string): Promise<void> {
  const look = (seen: number) =>
    ask<{ state: string; succeeded: number }>(
      "GET",
      `${at}/jobs/${job}?waitSeconds=30&seen=${seen}`,
    );
  let now = await look(0);
  while (now.state === "running" && now.succeeded > 0) now = await look(now.succeeded);
  assert.equal(now.state, "succeeded");
}

async function expunge(names: readonly string[]): Promise<void> {
  for (const verb of ["destroy", "expunge"]) {
    const jobs = await Promise.all(
      names.map((name) => ask<Accepted>("POST", `${at}/instances/${name}/${verb}`, {})),
    );
    for (const { job } of jobs) await done(job);
  }
}

const tables = [
  ...["nic", "router", "public_range", "public_address", "port_forward"],
  ...["security_group", "security_rule", "nic_group"],
];
async function counts(): Promise<unknown> {
  const [row] = await platform.database.query(
    `select (select count(*)::int from network where deleted_at is null) as network, ${tables
      .map((table) => `(select count(*)::int from ${table}) as ${table}`)
      .join(", ")}`,
  );
  return row;
}

test("what a project has had of networks is all given back when it has deleted everything", async () => {
  const start = await counts();
  const cidr = "203.0.113.0/24";
  await ask("POST", "/v1/public-ranges", { cidr });
  for (const name of ["blue", "red"]) await ask("POST", `${at}/networks`, { name });
  const rules = [
    { fromPort: 80, cidr: "0.0.0.0/0" },
    { protocol: "icmp", group: "front" },
  ];
  for (const name of ["front", "back"])
    await ask("POST", `${at}/security-groups`, { name, ...(name === "front" ? { rules } : {}) });

  const both = { networks: ["blue", "red"], isPublic: true, groups: ["front"] };
  const { body: made } = await run(0, { name: "web", count: 3, ...both });
  await done(made.job);
  const { instances } = await ask<{ instances: InstanceView[] }>("GET", `${at}/instances`);
  const nics = instances.flatMap((one) => one.nics);
  assert.deepEqual(
    nics.map(({ network, groups }) => `${network} ${groups}`),
    Array.from({ length: 3 }, () => ["blue front", "red front"]).flat(),
  );
  assert.equal(new Set(nics.map(({ address }) => address)).size, 6);
  for (const { address, mac } of nics) {
    const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
    assert.equal(mac, ["02", "1d", ...bytes].join(":"), "a MAC follows from its address");
  }

  const address = await ask<{ address: string }>("POST", `${at}/addresses`, { name: "kept" });
  await ask("POST", `${at}/addresses/kept/attach`, { instance: "web-1" });
  const seen = await ask<InstanceView>("GET", `${at}/instances/web-1`);
  assert.equal(seen.nics[0]?.publicAddress, address.address);
  const forward = { instance: "web-2", publicPort: 8080, port: 80 };
  await ask("POST", `${at}/networks/red/forwards`, forward);
  const groups = { groups: ["front", "back"] };
  await ask("PUT", `${at}/instances/web-3/security-groups`, groups);
  const { body: refused } = await platform.call<{ code: string }>("DELETE", `${at}/networks/red`);
  assert.equal(refused.code, "network_in_use");

  await expunge(["web-1", "web-2", "web-3"]);
  await ask("DELETE", `${at}/addresses/kept`);
  for (const name of ["blue", "red"]) await ask("DELETE", `${at}/networks/${name}`);
  for (const name of ["front", "back"]) await ask("DELETE", `${at}/security-groups/${name}`);
  await ask("POST", "/v1/public-ranges/remove", { cidr });
  assert.deepEqual(await counts(), start);
});

test("instances that two managers make at once get different addresses, until there are none", async () => {
  const start = await counts();
  await ask("POST", `${at}/networks`, { name: "small", cidr: "10.9.0.0/28" });
  const answers = await Promise.all(
    Array.from({ length: 15 }, (_, index) =>
      run(index % 2, { name: `n-${index}`, networks: ["small"] }),
    ),
  );
  const made = answers.filter(({ status }) => status === 202).map(({ body }) => body);
  for (const { job } of made) await done(job);
  const addresses = made.flatMap(
    ({ instances: [one] }) => one?.nics.map((nic) => nic.address) ?? [],
  );
  assert.deepEqual(
    addresses.map((address) => Number(address.split(".").at(-1))).sort((a, b) => a - b),
    Array.from({ length: 13 }, (_, index) => index + 2),
    "each of the thirteen once",
  );
  const refused = answers.filter(({ status }) => status !== 202);
  assert.deepEqual(
    refused.map(({ status, body }) => [status, (body as unknown as { code: string }).code]),
    [507, 507].map((status) => [status, "addresses_exhausted"]),
  );
  await expunge(made.flatMap(({ instances: [one] }) => one?.name ?? []));
  await until("the network can be deleted", async () => {
    const { status } = await platform.call("DELETE", `${at}/networks/small`);
    return status === 200;
  });
  assert.deepEqual(await counts(), start);
});

test("without a word an instance is connected to the project's network default, if there is one", async () => {
  const of = async (body: object) => {
    const { body: accepted } = await run(1, body);
    await done(accepted.job);
    const [one] = accepted.instances;
    return one?.nics.map(({ network }) => network);
  };
  assert.deepEqual(await of({ name: "before" }), []);
  await ask("POST", `${at}/networks`, { name: "default" });
  assert.deepEqual(await of({ name: "after" }), ["default"]);
  assert.deepEqual(await of({ name: "none", networks: [] }), []);
  await expunge(["before", "after", "none"]);
  await ask("DELETE", `${at}/networks/default`);
});
