/**
 * Work on hosts through the whole platform: each instance leaves as its owner wants, once, whichever manager
 * carries it out, and everything comes back when the host is given back.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { MaintenanceDetail, ScheduledEventView } from "@holdfast/cloud/events/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { askMetadata } from "@holdfast/drivers/network/simulated";
import type { NicId } from "@holdfast/kernel/ids";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform, until } from "./platform.ts";

const at = "/v1/projects/default";
const keyBlob = "AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh";
let platform: Platform;

before(async () => {
  platform = await startPlatform({ hosts: 2, managers: 2, pools: ["shared"] });
});
after(async () => {
  await platform?.close();
  await stopTestServer();
});

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await platform.call<T>(method, path, body);
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const show = (name: string) => ask<InstanceView>("GET", `${at}/instances/${name}`);
const work = () => ask<MaintenanceDetail>("GET", "/v1/hosts/host-1/maintenance");
const events = async (query = "") =>
  (await ask<{ events: ScheduledEventView[] }>("GET", `${at}/events${query}`)).events;
const journal = async (name: string) =>
  (await ask<{ events: { event: string }[] }>("GET", `${at}/instances/${name}/events`)).events.map(
    ({ event }) => event,
  );
const mode = async (mode: string, host = "host-1") =>
  ask("PATCH", `/v1/hosts/${host}`, { mode }).catch(() => {});

/** On host-1, and free to leave. */
async function run(name: string, more: object = {}, policy?: string): Promise<void> {
  await mode("draining", "host-2");
  await ask("POST", `${at}/instances`, { name, pool: "shared", ...more });
  await until(`${name} is up`, async () => (await show(name)).guest === "up");
  await mode("enabled", "host-2");
  if (policy) await ask("PUT", `${at}/instances/${name}/maintenance-policy`, { policy });
}
const isOn = (name: string, host: string | null, state = "running") =>
  until(`${name} is ${state} on ${host}`, async () => {
    const now = await show(name);
    return now.host === host && now.state === state;
  });
const reaches = (state: string) =>
  until(`the work is ${state}`, async () => (await work()).state === state);

async function clear(): Promise<void> {
  await platform.call("DELETE", "/v1/hosts/host-1/maintenance");
  const { instances } = await ask<{ instances: InstanceView[] }>("GET", `${at}/instances`);
  for (const verb of ["destroy", "expunge"]) {
    for (const { id } of instances)
      await platform.call("POST", `${at}/instances/${id}/${verb}`, {});
    await until(`all are past ${verb}`, async () => {
      const left = await platform.database.query(
        "select from instance where state in ('running', 'starting', 'stopping', 'stopped')",
      );
      return left.length === 0;
    });
  }
}
beforeEach(clear);

test("a guest is told by its host what is planned, who may log in and in which groups it is", async () => {
  await ask("POST", `${at}/networks`, { name: "blue" });
  await ask("POST", `${at}/security-groups`, { name: "front" });
  const publicKey = `ssh-ed25519 ${keyBlob} me@home`;
  await ask("POST", `${at}/keys`, { name: "me", publicKey });
  await run("web", { networks: ["blue"], groups: ["front"], keys: ["me"] });
  const kernel = platform.hosts[0]?.kernel ?? assert.fail();
  const [nic] = await platform.database.query<{ id: NicId }>("select id from nic");
  assert.ok(nic);
  const hear = async (path: string) => {
    const question = { method: "GET", path: `/latest/meta-data/${path}`, headers: {} };
    const { status, body } = await askMetadata(kernel, nic.id, question);
    return status === 200 ? body : undefined;
  };
  await until(
    "its key is there",
    async () => (await hear("public-keys/0/openssh-key")) === publicKey,
  );
  assert.equal(await hear("public-keys"), "0=me");
  assert.equal(await hear("security-groups"), "front");
  assert.equal(await hear("events/maintenance/scheduled"), "[]");

  await ask("PUT", "/v1/hosts/host-1/maintenance", { noticeSeconds: 3_600 });
  const planned = async () => JSON.parse((await hear("events/maintenance/scheduled")) ?? "[]");
  await until("it hears of it", async () => (await planned()).length === 1);
  assert.equal((await planned())[0].Code, "instance-stop");
  assert.equal(await hear("spot/instance-action"), undefined, "that is an hour away");
  assert.ok(await hear("events/recommendations/rebalance"));
  await platform.stopManager(0);
  await platform.stopManager(1);
  assert.equal((await planned()).length, 1, "also while nobody else is there");
  for (const index of [0, 1]) await platform.startManager(index);
  await until(
    "a manager is back",
    async () => (await platform.call("GET", `${at}/keys`)).status === 200,
  );
  await ask("DELETE", "/v1/hosts/host-1/maintenance");
  await until("it is called off", async () => (await planned()).length === 0);
  const [past] = JSON.parse((await hear("events/maintenance/history")) ?? "[]");
  assert.match(past.Description, /^\[Canceled\]/);
  assert.equal((await show("web")).generation, 1);
});

test("a host is emptied by the policies of its instances, and given back", async () => {
  await run("moves");
  await run("pauses", {}, "reboot");
  await run("stays", { pool: "local" });
  const plan = await ask<MaintenanceDetail>("PUT", "/v1/hosts/host-1/maintenance", {
    noticeSeconds: 1,
    reason: "new memory",
  });
  assert.equal(plan.reason, "new memory");
  await until("owners are told", async () => (await events()).length === 3);
  assert.deepEqual((await events()).map(({ instance, code }) => [instance, code]).sort(), [
    ["moves", "instance-stop"],
    ["pauses", "system-reboot"],
    ["stays", "system-reboot"],
  ]);
  await isOn("moves", "host-2");
  await reaches("in-maintenance");
  await isOn("pauses", null, "stopped");
  await isOn("stays", null, "stopped");
  assert.equal((await show("pauses")).cause?.class, "maintenance");
  const { hosts } = await ask<{ hosts: { name: string; mode: string }[] }>("GET", "/v1/hosts");
  assert.equal(hosts.find(({ name }) => name === "host-1")?.mode, "maintenance");

  await ask("DELETE", "/v1/hosts/host-1/maintenance");
  await isOn("pauses", "host-1");
  await isOn("stays", "host-1");
  assert.deepEqual(await events(), []);
  for (const name of ["moves", "pauses", "stays"]) assert.equal((await show(name)).generation, 2);
  const seen = await journal("moves");
  for (const event of ["eventScheduled", "eventBegun", "eventCompleted"])
    assert.equal(seen.filter((one) => one === event).length, 1, event);
});
