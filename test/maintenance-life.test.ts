/**
 * Work on hosts through the whole platform: each instance leaves as its owner wants, once, whichever manager
 * carries it out, and everything comes back when the host is given back.
 */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { MaintenanceDetail, ScheduledEventView } from "@holdfast/cloud/events/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { askMetadata } from "@holdfast/drivers/network/simulated";
import type { NicId } from "@holdfast/kernel/ids";
import { sharedPlatform, until } from "./platform.ts";

const at = "/v1/projects/default";
const keyBlob = "AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh";

const platform = await sharedPlatform({ hosts: 2, managers: 2, pools: ["shared"] });

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
async function run(name: string, more: object = {}, policy = "stop"): Promise<void> {
  await mode("draining", "host-2");
  await ask("POST", `${at}/instances`, { name, pool: "shared", ...more });
  await until(`${name} is up`, async () => (await show(name)).guest === "up");
  await mode("enabled", "host-2");
  await ask("PUT", `${at}/instances/${name}/maintenance-policy`, { policy });
}
/** Guests are asked to shut down, and take their time. */
const patience = 120_000;
const isOn = (name: string, host: string | null, state = "running") =>
  until(
    `${name} is ${state} on ${host}`,
    async () => {
      const now = await show(name);
      return now.host === host && now.state === state;
    },
    patience,
  );
const reaches = (state: string) =>
  until(`the work is ${state}`, async () => (await work()).state === state, patience);

async function clear(): Promise<void> {
  await platform.call("DELETE", "/v1/hosts/host-1/maintenance");
  for (const host of ["host-1", "host-2"]) await mode("enabled", host);
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
  const deadline = Date.now() + 86_400_000;
  await ask("PUT", "/v1/hosts/host-1/maintenance", { deadline });
  await until("it hears of the deadline", async () => {
    const [event] = await planned();
    return Math.abs(Date.parse(event?.NotBeforeDeadline) - deadline) < 1_000;
  });
  await ask("DELETE", "/v1/hosts/host-1/maintenance");
  await until("it hears that nothing comes of it", async () => (await planned()).length === 0);
  await ask("PUT", "/v1/hosts/host-1/maintenance", { noticeSeconds: 3_600 });
  await until("it hears of it again", async () => (await planned()).length === 1);
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
  await run("leaves");
  await run("moves", {}, "migrate");
  await run("moves-its-disk", { pool: "local" }, "migrate");
  await run("pauses", {}, "reboot");
  await run("stays", { pool: "local" }, "reboot");
  const plan = await ask<MaintenanceDetail>("PUT", "/v1/hosts/host-1/maintenance", {
    noticeSeconds: 1,
    reason: "new memory",
  });
  assert.equal(plan.reason, "new memory");
  await until("owners are told", async () => (await events()).length === 3);
  assert.deepEqual((await events()).map(({ instance, code }) => [instance, code]).sort(), [
    ["leaves", "instance-stop"],
    ["pauses", "system-reboot"],
    ["stays", "system-reboot"],
  ]);
  for (const name of ["leaves", "moves", "moves-its-disk"]) await isOn(name, "host-2");
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
  for (const name of ["leaves", "moves", "moves-its-disk", "pauses", "stays"])
    assert.equal((await show(name)).generation, 2, name);
  const seen = await journal("leaves");
  for (const event of ["eventScheduled", "eventBegun", "eventCompleted"])
    assert.equal(seen.filter((one) => one === event).length, 1, event);
  const moved = await journal("moves");
  assert.equal(moved.filter((one) => one === "switched").length, 1);
  assert.ok(!moved.includes("stop"), "it ran on all the time");
});

test("managers may be killed at any moment of it: each instance is ended once", async () => {
  const names = ["a", "b", "c", "d"];
  for (const name of names) await run(name);
  await ask("PUT", "/v1/hosts/host-1/maintenance", { noticeSeconds: 0 });
  await until("some have left", async () => (await show("a")).host !== "host-1");
  await platform.stopManager(0);
  await until("the other one goes on", async () => (await show("b")).host === "host-2");
  await platform.stopManager(1);
  await platform.startManager(0);
  for (const name of names) await isOn(name, "host-2");
  await reaches("in-maintenance");
  await platform.startManager(1);
  for (const name of names) {
    assert.equal((await show(name)).generation, 2, name);
    const seen = await journal(name);
    for (const event of ["eventBegun", "eventCompleted", "stop", "autoStart"])
      assert.equal(seen.filter((one) => one === event).length, 1, `${name}: ${event}`);
  }
});

test("what could be started nowhere is not stopped before the deadline, and says why", async () => {
  await run("web");
  await mode("draining", "host-2");
  await ask("PUT", "/v1/hosts/host-1/maintenance", { noticeSeconds: 0 });
  await reaches("blocked");
  const { obstacles, instances } = await work();
  assert.match(obstacles[0]?.says ?? "", /could not be started anywhere else/);
  assert.match(instances[0]?.obstacle ?? "", /anywhere else/);
  assert.equal((await show("web")).state, "running");
  const { troubles } = await ask<{ troubles: { code: string }[] }>("GET", "/v1/health");
  assert.ok(troubles.some(({ code }) => code === "maintenance-blocked"));
  await mode("enabled", "host-2");
  await isOn("web", "host-2");
  await reaches("in-maintenance");
});

test("work that is called off in the middle leaves nothing behind", async () => {
  await run("web");
  await ask("PUT", "/v1/hosts/host-1/maintenance", { noticeSeconds: 600 });
  await reaches("emptying");
  await until("its owner is told", async () => (await events()).length === 1);
  const [known] = await platform.database.query<{ mode: string }>(
    "select mode from host where name = 'host-1'",
  );
  assert.equal(known?.mode, "draining");
  await ask("DELETE", "/v1/hosts/host-1/maintenance");
  assert.deepEqual(await events(), []);
  const past = (await events("?all=true")).at(-1);
  assert.deepEqual(
    [past?.state, past?.outcome],
    ["canceled", "The work on its host was called off."],
  );
  assert.equal((await show("web")).generation, 1);
  const left = await platform.database.query(
    "select from errand e join instance i on i.id = e.instance_id where i.state = 'running'",
  );
  assert.deepEqual(left, []);
  const [after_] = await platform.database.query<{ mode: string }>(
    "select mode from host where name = 'host-1'",
  );
  assert.equal(after_?.mode, "enabled");
  assert.equal((await platform.call("GET", "/v1/hosts/host-1/maintenance")).status, 404);
});

test("an owner who stops and starts the instance before has no event any more", async () => {
  await run("web");
  const soon = Date.now() + 3_600_000;
  await ask("PUT", "/v1/hosts/host-1/maintenance", {
    ...{ startsAt: soon, deadline: soon + 86_400_000, reason: "new memory" },
  });
  await until("it is planned", async () => (await events()).length === 1);
  const [event] = await events();
  assert.deepEqual([event?.code, event?.notBefore], ["instance-stop", soon]);
  assert.deepEqual(event?.clearedBy, ["stop-start", "migrate"]);
  assert.equal((await work()).state, "planned");

  const later = soon + 7_200_000;
  const moved = await ask<ScheduledEventView>("PATCH", `${at}/events/${event?.id}`, {
    notBefore: later,
  });
  assert.equal(moved.notBefore, later);
  const late = await platform.call<{ code: string }>("PATCH", `${at}/events/${event?.id}`, {
    notBefore: soon + 90_000_000,
  });
  assert.deepEqual([late.status, late.body.code], [409, "event_deadline"]);

  await mode("draining");
  await ask("POST", `${at}/instances/web/stop`, { force: true });
  await until("it is done early", async () => (await events()).length === 0);
  const past = (await events("?all=true&instance=web")).at(-1);
  assert.deepEqual(
    [past?.state, past?.outcome],
    ["completed", "It was stopped before that was due."],
  );
  await ask("POST", `${at}/instances/web/start`, {});
  await isOn("web", "host-2");
  assert.deepEqual(await events(), []);
});

test("a reboot that is due is pressed once, and one that was done before is not", async () => {
  await run("web");
  const schedule = (more: object) =>
    ask<ScheduledEventView>("POST", "/v1/events", {
      ...{ project: "default", instance: "web", code: "instance-reboot", ...more },
    });
  const rebooted = async () => {
    const [row] = await platform.database.query<{ reboots: number; generation: number }>(
      `select c.reboots, c.generation from incarnation c join instance i on i.id = c.instance_id
         and i.generation = c.generation where i.name = 'web' and i.state <> 'expunged'`,
    );
    return `${row?.generation}: ${row?.reboots}`;
  };
  await schedule({});
  await until("it is rebooted", async () => (await rebooted()) === "1: 1");
  await until("it is over", async () => (await events()).length === 0);
  const soon = Date.now() + 3_600_000;
  const needless = await schedule({ notBefore: soon });
  await ask("POST", `${at}/instances/web/reboot`, { force: true });
  await until("its owner's reboot clears it", async () => (await events()).length === 0);
  const past = (await events("?all=true")).find(({ id }) => id === needless.id);
  assert.equal(past?.outcome, "It was rebooted before that was due.");
  await schedule({ notBefore: soon });
  const twice = await platform.call<{ code: string }>("POST", "/v1/events", {
    ...{ project: "default", instance: "web", code: "instance-stop", notBefore: soon },
  });
  assert.deepEqual([twice.status, twice.body.code], [409, "event_needless"]);
  const [last] = await events();
  await ask("DELETE", `/v1/events/${last?.id}`);
  assert.equal(await rebooted(), "1: 2");
});

test("an owner's window is kept to where the deadline allows", async () => {
  await run("web");
  await run("other");
  const days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
  const begins = new Date(Date.now() + 4 * 3_600_000);
  const lasting = (hours: number) => {
    const ends = new Date(begins.getTime() + hours * 3_600_000);
    return {
      ...{ startDay: days[begins.getUTCDay()], startHour: begins.getUTCHours() },
      ...{ endDay: days[ends.getUTCDay()], endHour: ends.getUTCHours() },
    };
  };
  const refused = await platform.call<{ code: string }>("POST", `${at}/event-windows`, {
    ...{ name: "nights", ranges: [lasting(1)], instances: ["web"] },
  });
  assert.equal(refused.body.code, "event_window_short");
  const nights = { name: "nights", ranges: [lasting(4)], instances: ["web"] };
  await ask("POST", `${at}/event-windows`, nights);
  const now = Date.now();
  await ask("PUT", "/v1/hosts/host-1/maintenance", {
    ...{ noticeSeconds: 60, deadline: now + 20 * 3_600_000 },
  });
  await until("both are told", async () => (await events()).length === 2);
  const due = new Map((await events()).map((one) => [one.instance, one.notBefore]));
  assert.equal(due.get("web"), Math.floor(begins.getTime() / 3_600_000) * 3_600_000);
  assert.ok((due.get("other") ?? 0) < now + 120_000);
  await ask("PUT", "/v1/hosts/host-1/maintenance", { deadline: now + 3_600_000 });
  const hurried = (await events()).find(({ instance }) => instance === "web");
  assert.equal(hurried?.notBefore, now + 3_600_000, "a nearer deadline hurries it");
  await ask("PUT", "/v1/hosts/host-1/maintenance", { reason: "two fans" });
  assert.equal((await work()).deadline, now + 3_600_000, "and is kept by who names none");
  await ask("DELETE", `${at}/event-windows/nights`);
});
