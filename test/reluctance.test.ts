/** Hosts that are better avoided, by what their hardware says and by how often they fall silent. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { TroubleView } from "@holdfast/cloud/checks/api";
import type { HostView } from "@holdfast/cloud/hosts/api";
import { sharedPlatform, type TestHost, until } from "./platform.ts";

interface Instance {
  readonly state: string;
  readonly host: string | null;
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 2, hosts: 2 });
before(async () => {
  await set("checks.interval", 0.2);
  await set("hosts.heartbeat", 0.1);
});

async function set(name: string, value: unknown): Promise<void> {
  const { status } = await platform.call("PUT", `/v1/settings/${name}`, { value });
  assert.equal(status, 200, name);
}

async function viewOf({ name }: TestHost): Promise<HostView> {
  const { body } = await platform.call<{ hosts: HostView[] }>("GET", "/v1/hosts");
  const found = body.hosts.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

const concernsOf = async (host: TestHost) => (await viewOf(host)).concerns;

/** What `holdfast health` says about a host. */
async function troublesOf({ name }: TestHost): Promise<readonly TroubleView[]> {
  const { body } = await platform.call<{ troubles: TroubleView[] }>("GET", "/v1/health");
  return body.troubles.filter(
    ({ code, subject }) => code === "host-concern" && subject.name === name,
  );
}

async function journalOf(host: TestHost): Promise<readonly unknown[]> {
  const { id } = await viewOf(host);
  const rows = await platform.database.query<{ detail: unknown }>(
    "select detail from journal where subject = $1 and event = 'concernsChanged' order by seq",
    [id],
  );
  return rows.map(({ detail }) => detail);
}

let runs = 0;

/** Where a new instance is run; it is destroyed again, so that the next one finds the same room. */
async function whereItRuns(): Promise<string | null> {
  const name = `guest-${++runs}`;
  await platform.call("POST", `${at}/instances`, { name });
  const find = async () => (await platform.call<Instance>("GET", `${at}/instances/${name}`)).body;
  await until(`${name} runs`, async () => (await find()).state === "running");
  const { host } = await find();
  await platform.call("POST", `${at}/instances/${name}/destroy`, {});
  await until(`${name} is gone`, async () => (await find()).state === "destroyed");
  return host;
}

const change = (host: TestHost, body: object) =>
  platform.call<HostView>("PATCH", `/v1/hosts/${host.name}`, body);

/** Both of them, the one that placement would take first at the head. */
async function inOrder(): Promise<readonly [TestHost, TestHost]> {
  const first = await whereItRuns();
  const [one, other] = platform.hosts;
  assert.ok(one && other);
  return one.name === first ? [one, other] : [other, one];
}

function heat(host: TestHost, celsius: number): void {
  host.vitals.temperatures = host.vitals.temperatures.map((one) => ({ ...one, celsius }));
}

const tooHot = "coretemp Package id 0 is at 91 °C, its limit is 85 °C";

test("a host that gets hot is avoided while another has room, used when none has, and well again when it cools", async () => {
  const [first, other] = await inOrder();
  heat(first, 91);
  await until("it is a concern", async () => (await concernsOf(first)).includes(tooHot));
  assert.equal(await whereItRuns(), other.name);

  const [trouble, ...more] = await troublesOf(first);
  assert.equal(more.length, 0);
  assert.match(trouble?.says ?? "", /hardware gives reason to worry: coretemp .* 91 °C/);
  assert.match(trouble?.fix ?? "", /--mode draining/);

  await change(other, { mode: "maintenance" });
  assert.equal(await whereItRuns(), first.name);
  await change(other, { mode: "enabled" });

  heat(first, 45);
  await until("it is over", async () => (await concernsOf(first)).length === 0);
  assert.equal(await whereItRuns(), first.name);
  assert.deepEqual(await troublesOf(first), []);
  assert.deepEqual(await journalOf(first), [{ vitals: [tooHot] }, { vitals: [] }]);
});

test("what operators say and what the hardware says stand next to each other, and neither undoes the other", async () => {
  const [host] = platform.hosts;
  assert.ok(host);
  heat(host, 91);
  await until("it is hot", async () => (await concernsOf(host)).length === 1);
  await change(host, { concerns: ["a fan rattles"] });
  assert.deepEqual(await concernsOf(host), ["a fan rattles", tooHot]);
  assert.equal((await troublesOf(host)).length, 2);
  await change(host, { concerns: [] });
  assert.deepEqual(await concernsOf(host), [tooHot]);
  heat(host, 45);
  await until("it is over", async () => (await concernsOf(host)).length === 0);
});

test("an agent that begins anew does not undo what it has not looked at yet", async () => {
  const [host] = platform.hosts;
  assert.ok(host);
  heat(host, 91);
  await until("it is hot", async () => (await concernsOf(host)).length === 1);
  const before = await journalOf(host);
  await platform.stopAgent(host);
  await platform.startAgent(host);
  await until("it is up", async () => {
    const { state, isConnected } = await viewOf(host);
    return state === "up" && isConnected && host.agent?.link.identity() !== undefined;
  });
  heat(host, 45);
  await until("it is over", async () => (await concernsOf(host)).length === 0);
  assert.deepEqual((await journalOf(host)).slice(before.length), [{ vitals: [] }]);
});

/** Its agent is gone for longer than the lease, and comes back. */
async function fallSilent(host: TestHost): Promise<void> {
  await platform.stopAgent(host);
  await until("it is silent", async () => (await viewOf(host)).state !== "up");
  await platform.startAgent(host);
  await until("it is back", async () => (await viewOf(host)).state === "up");
}

test("a host that falls silent three times within the window is the last resort, until an operator enables it", async () => {
  await set("hosts.lease", 1);
  const [first, other] = await inOrder();
  await fallSilent(first);
  await fallSilent(first);
  assert.deepEqual(await concernsOf(first), []);
  await fallSilent(first);
  const flapping = "it fell silent 3 times within the last hour";
  assert.deepEqual(await concernsOf(first), [flapping]);
  assert.equal(await whereItRuns(), other.name);
  const [trouble] = await troublesOf(first);
  assert.match(trouble?.says ?? "", /It comes and goes: it fell silent 3 times/);

  await change(first, { tags: ["rack-7"] });
  assert.deepEqual(await concernsOf(first), [flapping]); // Only being enabled says that it is mended.
  const { body } = await change(first, { mode: "enabled" });
  assert.deepEqual(body.concerns, []);
  assert.equal(await whereItRuns(), first.name);

  await fallSilent(first);
  assert.deepEqual(await concernsOf(first), []); // The three from before are forgiven for good.
});

test("a host that has been steady for the window is as good as any other again", async () => {
  await set("hosts.flap_limit", 1);
  await set("hosts.flap_window", 10);
  const [first, other] = await inOrder();
  await fallSilent(first);
  const [concern] = await concernsOf(first);
  assert.match(concern ?? "", /^it fell silent .+ within the last 10 seconds$/);
  assert.equal(await whereItRuns(), other.name);
  await until("it is steady", async () => (await concernsOf(first)).length === 0);
  assert.equal(await whereItRuns(), first.name);
  const last = (await journalOf(first)).at(-1);
  assert.deepEqual(last, { flapping: null });
});
