/** Status checks and alarms through every layer but the hypervisor: from a guest that hangs to one reboot. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { before, type TestContext, test } from "node:test";
import type {
  AlarmEventView,
  AlarmView,
  StatusView,
  TroubleView,
} from "@holdfast/cloud/checks/api";
import type { SimulatedMachine } from "@holdfast/drivers/hypervisor/simulated";
import { sharedPlatform, until } from "./platform.ts";

interface Instance {
  readonly id: string;
  readonly state: string;
  readonly generation: number;
}
interface Accepted {
  readonly job: string;
  readonly instances: readonly Instance[];
}
interface Health {
  readonly isWell: boolean;
  readonly troubles: readonly TroubleView[];
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 2, hosts: 2 });
before(async () => {
  await set("checks.interval", 0.2);
  await set("alarms.webhook_reach", "local");
});

async function set(name: string, value: unknown): Promise<void> {
  const { status } = await platform.call("PUT", `/v1/settings/${name}`, { value });
  assert.equal(status, 200, name);
}

async function get<T>(path: string): Promise<T> {
  const { status, body } = await platform.call<T>("GET", path);
  assert.equal(status, 200, path);
  return body;
}

const statusOf = (name: string) => get<StatusView>(`${at}/instances/${name}/status`);
const stateOf = async (name: string) =>
  (await get<{ state: string }>(`${at}/instances/${name}`)).state;
const alarm = (name: string) => get<AlarmView>(`${at}/alarms/${name}`);
const history = async (name: string) =>
  (await get<{ events: AlarmEventView[] }>(`${at}/alarms/${name}/history`)).events;

async function create(alarm: object): Promise<AlarmView & { secret: string | null }> {
  const { status, body } = await platform.call<AlarmView & { secret: string | null }>(
    "POST",
    `${at}/alarms`,
    alarm,
  );
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** Runs an instance and waits until it runs and all three of its checks pass. */
async function run(name: string): Promise<string> {
  const { body } = await platform.call<Accepted>("POST", `${at}/instances`, { name });
  await until(`${name} passes its checks`, async () => (await statusOf(name)).summary === "ok");
  // A host's checkup may be heard a moment before its word that the guest runs.
  await until(`${name} runs`, async () => (await stateOf(name)) === "running");
  return body.instances[0]?.id ?? "";
}

/** The process of its last launch. */
function machineOf(id: string): SimulatedMachine {
  const all = platform.hosts.flatMap(({ world }) => [...world.machines.values()]);
  const [last] = all
    .filter(({ spec }) => spec.id === id)
    .sort((a, b) => b.spec.generation - a.spec.generation);
  assert.ok(last, `${id} was launched`);
  return last;
}

const destroy = (name: string) => platform.call("POST", `${at}/instances/${name}/destroy`, {});

test("a guest that hangs is impaired after two looks, its alarm reboots it once, and it passes again", async () => {
  const id = await run("hangs");
  await create({ name: "wake-up", instance: "hangs", check: "instance", action: "reboot" });
  const machine = machineOf(id);
  const boots = machine.boots;
  machine.isHung = true;
  await until("it was rebooted", () => machine.boots > boots);
  await until("it passes again", async () => (await statusOf("hangs")).summary === "ok");
  await until("the alarm is over", async () => (await alarm("wake-up")).state === "ok");

  assert.equal(machine.boots, boots + 1);
  const { generation, state } = await get<Instance>(`${at}/instances/hangs`);
  assert.deepEqual([generation, state], [1, "running"]); // A check changes no state, and a reboot no process.
  const events = (await history("wake-up")).map(({ event, actor }) => [event, actor]);
  assert.deepEqual(events, [
    ["created", "operator"],
    ["rang", "holdfast"],
    ["acted", "holdfast"],
    ["over", "holdfast"],
  ]);
  const journal = await platform.database.query<{ event: string }>(
    "select event from journal where subject = $1 and event like 'check%' order by seq",
    [id],
  );
  assert.deepEqual(
    journal.map(({ event }) => event),
    ["checkFailed", "checkOver"],
  );
  await destroy("hangs");
});

test("a hypervisor that does not answer fails the system check only, with since when and what to do", async () => {
  const id = await run("frozen");
  machineOf(id).isFrozen = true;
  await until("it is impaired", async () => (await statusOf("frozen")).summary === "impaired");
  const { state, checks } = await statusOf("frozen");
  assert.deepEqual(
    [state, checks.system.status, checks.instance.status, checks.volume.status],
    ["running", "failed", "insufficient-data", "insufficient-data"],
  );
  assert.ok(checks.system.impairedSince);
  assert.match(checks.system.fix ?? "", /holdfast stop --force frozen/);
  const { troubles } = await get<Health>("/v1/health");
  const trouble = troubles.find(({ subject }) => subject.name === "frozen");
  assert.deepEqual([trouble?.code, trouble?.severity], ["check-failed", "degraded"]);
  machineOf(id).isFrozen = false;
  await until("it is well", async () => (await statusOf("frozen")).summary === "ok");
  await destroy("frozen");
});

test("a disk that answers nothing fails the volume check, however busy its guest seems", async () => {
  await set("checks.stalled_io", 0.3);
  const id = await run("stuck");
  machineOf(id).stuckRequests = 3;
  await until("it fails", async () => (await statusOf("stuck")).checks.volume.status === "failed");
  const { checks } = await statusOf("stuck");
  assert.match(checks.volume.says, /3 disk requests in flight and none completed/);
  assert.deepEqual([checks.system.status, checks.instance.status], ["passed", "passed"]);
  machineOf(id).stuckRequests = 0;
  await until("it passes", async () => (await statusOf("stuck")).checks.volume.status === "passed");
  await destroy("stuck");
});

test("storage that is slow fails the system check of whoever runs from it", async () => {
  const id = await run("slow");
  const host = platform.hosts.find(({ world }) =>
    [...world.machines.values()].some(({ spec }) => spec.id === id),
  );
  assert.ok(host);
  host.storageLatency = 3_000;
  await until("it fails", async () => (await statusOf("slow")).checks.system.status === "failed");
  assert.match((await statusOf("slow")).checks.system.says, /takes more than 2\.0 s/);
  host.storageLatency = 1;
  await until("it passes", async () => (await statusOf("slow")).summary === "ok");
  await destroy("slow");
});

test("an alarm can move an instance, at most so often in a day", async () => {
  await set("alarms.recoveries_per_day", 1);
  const id = await run("moves");
  await create({ name: "elsewhere", instance: "moves", check: "system", action: "recover" });
  machineOf(id).isFrozen = true;
  await until("it runs as another launch", async () => {
    const { state, generation } = await get<Instance>(`${at}/instances/moves`);
    return state === "running" && generation === 2;
  });
  await until("the alarm is over", async () => (await alarm("elsewhere")).state === "ok");
  machineOf(id).isFrozen = true;
  await until("it is refused", async () =>
    (await history("elsewhere")).some(({ event }) => event === "recoveryRefused"),
  );
  assert.equal((await get<Instance>(`${at}/instances/moves`)).generation, 2);
  machineOf(id).isFrozen = false;
  await destroy("moves");
});

test("a webhook is signed, and delivered although its server fails first", async (t) => {
  const id = await run("calls");
  const { url, heard } = await hookServer(t, [500, 503]);
  const { secret } = await create({
    name: "call-me",
    check: "volume",
    action: "notify",
    webhook: url,
  });
  assert.ok(secret);
  machineOf(id).phase = "io-error";
  await until("it was taken", () => heard.some(({ status }) => status === 204));

  assert.deepEqual(
    heard.slice(0, 3).map(({ status }) => status),
    [500, 503, 204],
  );
  assert.equal(new Set(heard.slice(0, 3).map(({ delivery }) => delivery)).size, 1);
  const [, , taken] = heard;
  assert.ok(taken);
  const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(taken.signature) ?? [];
  assert.equal(mac, createHmac("sha256", secret).update(`${time}.${taken.body}`).digest("hex"));
  const said = JSON.parse(taken.body) as { state: string; check: string; instance: object }; // Ours.
  assert.deepEqual(
    [said.state, said.check, said.instance],
    ["alarm", "volume", { id, name: "calls" }],
  );
  assert.deepEqual((await alarm("call-me")).ringing, ["calls"]);
  assert.ok(!JSON.stringify(await history("call-me")).includes(secret));
  machineOf(id).phase = "running";
  await until("its end was told", () => heard.some(({ body }) => body.includes('"state":"ok"')));
  await platform.call("DELETE", `${at}/alarms/call-me`);
  await destroy("calls");
});

test("a webhook that is out of reach is given up at once, and says so", async (t) => {
  await set("alarms.webhook_reach", "public");
  const id = await run("inside");
  const { url, heard } = await hookServer(t, []);
  await create({
    name: "inward",
    instance: "inside",
    check: "volume",
    action: "notify",
    webhook: url,
  });
  machineOf(id).phase = "io-error";
  await until("it failed", async () =>
    (await history("inward")).some(({ event }) => event === "actionFailed"),
  );
  const [failure] = (await history("inward")).filter(({ event }) => event === "actionFailed");
  assert.match(JSON.stringify(failure?.detail), /webhook_out_of_reach/);
  assert.equal(heard.length, 0);
  machineOf(id).phase = "running";
  await destroy("inside");
});

test("a host that falls silent fails the system check of what it ran; health says one thing and not many", async () => {
  await set("hosts.lease", 1);
  const id = await run("gone");
  await run("gone-too");
  const host = platform.hosts.find(({ world }) =>
    [...world.machines.values()].some(({ spec }) => spec.id === id),
  );
  assert.ok(host);
  await platform.stopAgent(host);
  // That its host is silent is seen first, and what becomes of it a moment later.
  await until("it is lost", async () => (await statusOf("gone")).state === "lost");
  await until("it is impaired", async () => (await statusOf("gone")).summary === "impaired");
  const { checks } = await statusOf("gone");
  assert.match(checks.system.says, /has not been heard for/);
  assert.deepEqual(
    [checks.instance.status, checks.volume.status],
    ["insufficient-data", "insufficient-data"],
  );
  const { troubles, isWell } = await get<Health>("/v1/health");
  assert.equal(isWell, false);
  const [worst] = troubles;
  assert.deepEqual(
    [worst?.code, worst?.subject.name, worst?.affects.names.includes("gone")],
    ["host-suspect", host.name, true],
  );
  assert.ok(!troubles.some(({ subject }) => subject.name === "gone"));

  const token = await platform.call<{ token: string }>("POST", "/v1/keys", {
    name: "p",
    project: "default",
  });
  const own = await platform.call<Health>("GET", "/v1/health", undefined, {
    authorization: `Bearer ${token.body.token}`,
  });
  const mine = own.body.troubles.find(({ subject }) => subject.name === "gone");
  assert.equal(mine?.code, "instance-lost");
  assert.ok(own.body.troubles.every(({ subject }) => subject.kind === "instance"));

  await platform.startAgent(host);
  await until("it is well", async () => (await statusOf("gone")).summary === "ok");
  await destroy("gone");
  await destroy("gone-too");
  await set("hosts.lease", 5);
});

test("what is stopped is not checked, and an alarm on it does nothing", async () => {
  await run("sleeps");
  await create({ name: "idle", instance: "sleeps", action: "stop" });
  await platform.call("POST", `${at}/instances/sleeps/stop`, { force: true });
  await until("it is stopped", async () => (await statusOf("sleeps")).state === "stopped");
  const { summary } = await statusOf("sleeps");
  assert.equal(summary, "not-applicable");
  await until(
    "the alarm knows nothing",
    async () => (await alarm("idle")).state === "insufficient-data",
  );
  assert.ok(!(await history("idle")).some(({ event }) => event === "acted"));
  await destroy("sleeps");
});

test("metrics count what there is, and only operators read them from elsewhere", async () => {
  await run("counted");
  const port = platform.managers.find((one) => one !== undefined)?.apiPort;
  const read = (headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${port}/metrics`, { headers });
  const text = await (await read({})).text();
  assert.match(text, /^holdfast_instances\{state="running"\} 1$/m);
  assert.match(text, /^holdfast_hosts\{state="up",mode="enabled"\} 2$/m);
  assert.match(
    text,
    /^holdfast_status_check_failed\{project="default",instance="counted",check="system"\} 0$/m,
  );
  assert.match(text, /^holdfast_recovery_seconds_bucket\{le="\+Inf"\} \d+$/m);
  assert.match(
    text,
    /^holdfast_api_seconds_count\{method="GET",route="\/v1\/hosts",status="2xx"\} \d+$/m,
  );
  assert.ok(!text.includes('route="/v1/projects/default'));
  assert.equal((await read({ "x-forwarded-for": "192.0.2.1" })).status, 401);
  const token = await platform.call<{ token: string }>("POST", "/v1/keys", {
    name: "q",
    project: "default",
  });
  assert.equal((await read({ authorization: `Bearer ${token.body.token}` })).status, 403);
  await destroy("counted");
});

interface Heard {
  readonly status: number;
  readonly body: string;
  readonly signature: string;
  readonly delivery: string;
}

/** A server that answers with these first, then with 204. */
async function hookServer(t: TestContext, failures: readonly number[]) {
  const heard: Heard[] = [];
  const http = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const status = failures[heard.length] ?? 204;
      heard.push({
        status,
        body: Buffer.concat(pieces).toString(),
        signature: String(request.headers["holdfast-signature"]),
        delivery: String(request.headers["holdfast-delivery"]),
      });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  t.after(() => http.close());
  const address = http.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/hook`, heard };
}
