/** Networks through the whole platform: addresses with a birth, routers that appear, move and go, metadata. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { endMachine } from "@holdfast/drivers/hypervisor/simulated";
import { askMetadata, loseRouter, metadataHopsOf } from "@holdfast/drivers/network/simulated";
import type { InstanceId, NetworkId, NicId } from "@holdfast/kernel/ids";
import { readJournal } from "@holdfast/store/journal";
import { sharedPlatform, until, wallClock } from "./platform.ts";

interface View {
  readonly id: string;
  readonly state: string;
  readonly generation: number;
  readonly host: string | null;
  readonly nics: readonly {
    readonly network: string;
    readonly address: string;
    readonly publicAddress: string | null;
  }[];
}
interface NetworkView {
  readonly id: NetworkId;
  readonly guests: number;
  readonly router: {
    readonly host: string;
    readonly generation: number;
    readonly isUp: boolean | null;
  } | null;
}
const at = "/v1/projects/default";

const platform = await sharedPlatform({ hosts: 2 });
before(async () => {
  const made = await platform.call("POST", `${at}/networks`, { name: "blue", cidr: "10.7.0.0/24" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await platform.call("POST", "/v1/public-ranges", { cidr: "203.0.113.0/29" });
});

const show = async (name: string) =>
  (await platform.call<View>("GET", `${at}/instances/${name}`)).body;
const network = async () => (await platform.call<NetworkView>("GET", `${at}/networks/blue`)).body;
const hostOf = (name: string | null) => {
  const host = platform.hosts.find((each) => each.name === name);
  assert.ok(host, `no host ${name}`);
  return host;
};
async function run(name: string, more = {}): Promise<void> {
  const { status, body } = await platform.call("POST", `${at}/instances`, {
    ...{ name, networks: ["blue"], ...more },
  });
  assert.equal(status, 202, JSON.stringify(body));
  await until(`${name} runs`, async () => (await show(name)).state === "running");
}
const nicOf = async (name: string) => {
  const [row] = await platform.database.query<{ id: NicId }>(
    "select c.id from nic c join instance i on i.id = c.instance_id where i.name = $1",
    [name],
  );
  assert.ok(row);
  return row.id;
};

interface Health {
  readonly troubles: readonly {
    readonly code: string;
    readonly severity: string;
    readonly subject: { readonly name: string };
  }[];
}
const ofNetworks = "rules-bypassed networks-not-made router-down public-addresses-short".split(" ");
/** What health says of networks: code, severity and name of each. */
const wrong = async () =>
  (await platform.call<Health>("GET", "/v1/health")).body.troubles
    .filter(({ code }) => ofNetworks.includes(code))
    .map(({ code, severity, subject }) => [code, severity, subject.name]);
const isEqualTo = (wanted: readonly string[]) => (found: readonly string[]) =>
  found.join() === wanted.join();

const publicOf = async (name: string) => (await show(name)).nics[0]?.publicAddress ?? null;

/** Resolves when it is done. */
async function command(name: string, verb: string, body = {}): Promise<void> {
  const path = `${at}/instances/${name}/${verb}`;
  const { status, body: said } = await platform.call<{ job: string }>("POST", path, body);
  assert.equal(status, 202, JSON.stringify(said));
  await until(`${verb} of ${name} succeeded`, async () => {
    const job = await platform.call<{ state: string }>("GET", `${at}/jobs/${said.job}`);
    return job.body.state === "succeeded";
  });
}
/** Its hypervisor dies, and automation starts it anew. */
async function crash(name: string): Promise<void> {
  const { id, generation, host } = await show(name);
  const machine = { id: id as InstanceId, generation }; // An id of the API is one.
  endMachine(hostOf(host).world, machine, wallClock, { status: { signal: "SIGSEGV" } });
  await until(`another ${name} runs`, async () => {
    const now = await show(name);
    return now.state === "running" && now.generation > generation;
  });
}

test("an instance has an address from its first moment, its host the port, and the network a router", async () => {
  await run("web", { isPublic: true });
  const { nics, host } = await show("web");
  assert.deepEqual(
    nics.map(({ network: name, address }) => [name, address]),
    [["blue", "10.7.0.2"]],
  );
  await until("the router is up", async () => (await network()).router?.isUp === true);
  const { id, router } = await network();
  assert.equal(router?.host, host);
  const made = hostOf(host).kernel.networks.get(id)?.network;
  assert.deepEqual(
    made?.ports.map(({ address }) => address),
    ["10.7.0.2"],
  );
  assert.deepEqual(
    made?.router?.hosts.map(({ name }) => name),
    ["web"],
  );
});

test("an automatic public address is kept over a reboot and a recovery, and is new after a stop", async () => {
  await until("it has one", async () => (await publicOf("web")) !== null);
  const first = await publicOf("web");
  await command("web", "reboot", { force: true });
  assert.equal(await publicOf("web"), first);
  await crash("web");
  assert.equal(await publicOf("web"), first);
  await command("web", "stop", { force: true });
  await until("it is given back", async () => (await publicOf("web")) === null);
  await until(
    "the router is gone with the last guest",
    async () => (await network()).router === null,
  );
  await platform.call("POST", `${at}/addresses`, { name: "taken" }); // Somebody else gets it.
  await command("web", "start");
  await until("it has another", async () => {
    const now = await publicOf("web");
    return now !== null && now !== first;
  });
});

test("a static public address is kept over a stop as well, and is told to the host again", async () => {
  await run("site");
  const { body } = await platform.call<{ address: string }>("POST", `${at}/addresses`, {
    name: "front",
  });
  const attached = await platform.call("POST", `${at}/addresses/front/attach`, {
    instance: "site",
  });
  assert.equal(attached.status, 200, JSON.stringify(attached.body));
  const isThere = async () => {
    const { id, router } = await network();
    const made = router && hostOf(router.host).kernel.networks.get(id)?.network;
    return made?.router?.statics.some(({ publicAddress }) => publicAddress === body.address);
  };
  await until("its router leads to it", async () => (await isThere()) === true);
  await command("site", "reboot", { force: true });
  assert.equal(await publicOf("site"), body.address);
  await crash("site");
  assert.equal(await publicOf("site"), body.address);
  await command("site", "stop", { force: true });
  assert.equal(await publicOf("site"), body.address);
  await command("site", "start");
  assert.equal(await publicOf("site"), body.address);
  await until("its router leads to it again", async () => (await isThere()) === true);
  for (const verb of ["destroy", "expunge"]) await command("site", verb);
  await until("it is nobody's, and the project's still", async () => {
    const all = await platform.call<{
      addresses: readonly { address: string; instance: string | null }[];
    }>("GET", `${at}/addresses`);
    const mine = all.body.addresses.find(({ address }) => address === body.address);
    return mine?.instance === null;
  });
});

test("instances that there is no public address for are in health until there is one", async () => {
  assert.deepEqual(await wrong(), []);
  const taken: string[] = [];
  for (let status = 201; status === 201; ) {
    const name = `rest-${taken.length}`;
    ({ status } = await platform.call("POST", `${at}/addresses`, { name }));
    if (status === 201) taken.push(name);
  }
  await run("late", { isPublic: true });
  const short = ["public-addresses-short", "degraded", "public addresses"];
  await until("health says so", async () => (await wrong()).some(isEqualTo(short)));
  assert.equal(await publicOf("late"), null);
  for (const name of taken) await platform.call("DELETE", `${at}/addresses/${name}`);
  await until("it gets one that was given back", async () => (await publicOf("late")) !== null);
  assert.deepEqual(await wrong(), []);
  for (const verb of ["destroy", "expunge"]) await command("late", verb);
  await until("its address is free", async () => (await network()).guests === 1);
});

test("a guest is told of itself by its host", async () => {
  const { id, host } = await show("web");
  const { kernel } = hostOf(host);
  const ask = async (path: string) =>
    (await askMetadata(kernel, await nicOf("web"), { method: "GET", path, headers: {} })).body;
  await until("its host knows it", async () => (await ask("/latest/meta-data/instance-id")) === id);
  assert.equal(await ask("/latest/meta-data/local-ipv4"), "10.7.0.2");
  assert.equal(await ask("/latest/meta-data/local-hostname"), "web.blue.holdfast.internal");
  await until("the public address is told", async () =>
    (await ask("/latest/meta-data/public-ipv4")).startsWith("203.0.113."),
  );
});

test("a guest that needs a token is answered without one at no moment, wherever it runs, until it needs none", async () => {
  await run("sealed", { metadataTokens: "required" });
  const ask = async (method: string, path: string, headers = {}) => {
    const { kernel } = hostOf((await show("sealed")).host);
    return askMetadata(kernel, await nicOf("sealed"), { method, path, headers });
  };
  const status = async (headers = {}) =>
    (await ask("GET", "/latest/meta-data/instance-id", headers)).status;
  const change = async (metadataTokens: string) => {
    const path = `${at}/instances/sealed/metadata`;
    const { status, body } = await platform.call<{ metadataTokens: string }>("PUT", path, {
      metadataTokens,
    });
    assert.deepEqual([status, body.metadataTokens], [200, metadataTokens]);
  };
  let told = 0;
  const isAnswered = async () => {
    told = await status();
    return told === 200 || told === 401;
  };
  await until("its host knows it", isAnswered);
  assert.equal(told, 401);
  const { body: token } = await ask("PUT", "/latest/api/token", {
    "x-aws-ec2-metadata-token-ttl-seconds": "60",
  });
  assert.equal(await status({ "x-aws-ec2-metadata-token": token }), 200);

  await change("optional");
  await until("it holds while it runs", async () => (await status()) === 200);
  await change("required");
  await change("required");
  await until("and back", async () => (await status()) === 401);

  const hops = async () => {
    const { kernel } = hostOf((await show("sealed")).host);
    return metadataHopsOf(kernel, await nicOf("sealed"));
  };
  const path = `${at}/instances/sealed/metadata`;
  await until("the guest alone is answered", async () => (await hops()) === 1);
  await platform.call("PUT", path, { metadataHops: 2 });
  await until("a container is answered", async () => (await hops()) === 2);
  await platform.call("PUT", path, { metadata: "off" });
  await until("it is answered nothing", async () => (await status()) === 403);
  await platform.call("PUT", path, { metadata: "on" });
  await until("and is again", async () => (await status()) === 401);

  const before = await show("sealed");
  await command("sealed", "migrate");
  await until("it is elsewhere and answered", async () => {
    const { host } = await show("sealed");
    return host !== before.host && isAnswered();
  });
  assert.equal(told, 401);
  await until("as far as before", async () => (await hops()) === 2);
  await change("optional");
  await until(
    "where none is needed, as far as any packet",
    async () => (await hops()) === undefined,
  );
  const events = (await readJournal(platform.database, before.id)).filter(
    ({ event }) => event === "metadataChanged",
  );
  assert.deepEqual(
    events.map(({ detail }) => detail),
    [
      { metadataTokens: "optional" },
      { metadataTokens: "required" },
      { metadataHops: 2 },
      { metadata: "off" },
      { metadata: "on" },
      { metadataTokens: "optional" },
    ],
  );
  for (const verb of ["destroy", "expunge"]) await command("sealed", verb);
  await until("its address is free", async () => (await network()).guests === 1);
});

test("a kernel setting that lets packets past the rules is in health and in the journal at once, and stays there when it is mended", async () => {
  const { host } = await show("web");
  const { kernel, name } = hostOf(host);
  const [row] = await platform.database.query<{ id: string }>(
    "select id from host where name = $1",
    [name],
  );
  const noted = async () =>
    (await readJournal(platform.database, row?.id ?? "")).flatMap(({ event, kind, detail }) =>
      event.startsWith("rules") ? [[kind, event, (detail as { rules: string }).rules]] : [],
    ); // This event's detail is of that shape.
  assert.deepEqual(await wrong(), []);
  assert.deepEqual(await noted(), []);
  // It would be put back within two seconds, and a slow machine might look too late.
  kernel.trouble = "no room for another device";
  kernel.isBridgeFiltering = false;
  loseRouter(kernel, (await network()).id);
  const outage = ["rules-bypassed", "outage", name];
  await until("health calls it an outage", async () => (await wrong()).some(isEqualTo(outage)));
  assert.deepEqual(await noted(), [["host", "rulesBypassed", "bypassed"]]);
  const others = [
    ["networks-not-made", "degraded", name],
    ["router-down", "degraded", "network blue"],
  ];
  await until("what else is wrong is told", async () => (await wrong()).length === 3);
  assert.deepEqual((await wrong()).sort(), [...others, outage].sort());
  kernel.trouble = undefined;
  await until("the host has put it back", () => kernel.isBridgeFiltering);
  await until("all that is left is the memory of it", async () => (await wrong()).length === 1);
  const risk = ["rules-bypassed", "risk", name];
  await until("that is told as well", async () => (await wrong()).some(isEqualTo(risk)));
  assert.deepEqual(await noted(), [
    ["host", "rulesBypassed", "bypassed"],
    ["host", "rulesInForce", "in-force"],
  ]);
  const { body } = await platform.call<{ lines: readonly { text: string }[] }>(
    "GET",
    `${at}/instances/web/trace`,
  );
  const traced = body.lines.filter(({ text }) => text.startsWith("rules"));
  assert.deepEqual(
    traced.map(({ text }) => text.split(":")[0]),
    [`rulesBypassed on ${name}`, `rulesInForce on ${name}`],
  );
});

test("a router that is lost is made again by its host, and one whose host is emptied moves", async () => {
  await until("the router is up", async () => (await network()).router?.isUp === true);
  const { id, router } = await network();
  loseRouter(hostOf(router?.host ?? null).kernel, id);
  await until(
    "it is made again",
    () => hostOf(router?.host ?? null).kernel.networks.get(id)?.router !== undefined,
  );
  await platform.call("PATCH", `/v1/hosts/${router?.host}`, { mode: "maintenance" });
  await until("it is on the other host", async () => {
    const now = (await network()).router;
    return now !== null && now.host !== router?.host && now.isUp === true;
  });
  assert.equal((await network()).router?.generation, (router?.generation ?? 0) + 1);
  assert.equal(hostOf(router?.host ?? null).kernel.networks.get(id)?.router, undefined);
  await platform.call("PATCH", `/v1/hosts/${router?.host}`, { mode: "enabled" });
});

test("what an expunged instance held is free again, once", async () => {
  assert.equal((await network()).guests, 1);
  for (const verb of ["destroy", "expunge"])
    await platform.call("POST", `${at}/instances/web/${verb}`, {});
  await until("its address is free", async () => (await network()).guests === 0);
  const left = await platform.database.query(
    "select kind from public_address where kind = 'automatic'",
  );
  assert.deepEqual(left, []);
  await run("next");
  assert.equal((await show("next")).nics[0]?.address, "10.7.0.2");
});

test("fifty guests in a group of two thousand rules have all of them, and lose one at once", async () => {
  const made = await platform.call("POST", `${at}/security-groups`, { name: "many" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const rules = Array.from({ length: 2_000 }, (_, index) => ({
    direction: "ingress",
    protocol: "tcp",
    fromPort: 10_000 + index,
    toPort: 10_000 + index,
    ...(index % 2 === 0 ? { group: "many" } : { cidr: "192.0.2.0/24" }),
  }));
  const added = await platform.call<{ rules: readonly { id: string; fromPort: number }[] }>(
    "POST",
    `${at}/security-groups/many/rules`,
    { rules },
  );
  assert.equal(added.status, 200, JSON.stringify(added.body).slice(0, 500));
  const run50 = await platform.call("POST", `${at}/instances`, {
    ...{ name: "crowd", count: 50, networks: ["blue"], groups: ["many"] },
  });
  assert.equal(run50.status, 202, JSON.stringify(run50.body));
  const { id } = await network();
  const ruled = () =>
    platform.hosts
      .flatMap(({ kernel }) => kernel.networks.get(id)?.network.ports ?? [])
      .filter(({ ingress }) => ingress[0]?.protocol === "tcp")
      .map(({ ingress }) => ingress);
  const peers = () => ruled()[0]?.find(({ ports }) => ports?.from === 10_000)?.peers ?? [];
  await until(
    "all have their ports, and know each other",
    () => ruled().length === 50 && peers().length === 50,
    120_000,
  );
  assert.deepEqual(new Set(ruled().map(({ length }) => length)), new Set([2_000]));
  const removed = await platform.call("POST", `${at}/security-groups/many/rules/remove`, {
    rules: added.body.rules.filter(({ fromPort }) => fromPort === 10_001).map((rule) => rule.id),
  });
  assert.equal(removed.status, 200, JSON.stringify(removed.body).slice(0, 500));
  await until("it is gone from all", () => ruled().every(({ length }) => length === 1_999));
  assert.equal(ruled().length, 50);
});
