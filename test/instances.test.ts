/** The main job through every layer but the hypervisor: a life from run to expunge over the real API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { endMachine } from "@holdfast/drivers/hypervisor/simulated";
import { milliseconds } from "@holdfast/kernel/time";
import { sharedPlatform, until, wallClock } from "./platform.ts";

interface Instance {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly host: string | null;
  readonly generation: number;
  readonly cause: { readonly class: string } | null;
}
interface Accepted {
  readonly job: string;
  readonly instances: readonly Instance[];
}
interface Job {
  readonly state: string;
  readonly succeeded: number;
  readonly problem: { readonly code: string } | null;
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 1, hosts: 3 });

async function job(id: string): Promise<Job> {
  const { body } = await platform.call<Job>("GET", `${at}/jobs/${id}?waitSeconds=20`);
  return body;
}

async function done(id: string): Promise<Job> {
  for (;;) {
    const now = await job(id);
    if (now.state !== "running") return now;
  }
}

async function command(name: string, verb: string, body: object = {}): Promise<Job> {
  const { body: accepted } = await platform.call<Accepted>(
    "POST",
    `${at}/instances/${name}/${verb}`,
    body,
  );
  return done(accepted.job);
}

const show = async (name: string) =>
  (await platform.call<Instance>("GET", `${at}/instances/${name}`)).body;

test("an instance is run, stopped, started, rebooted, destroyed, recovered and expunged", async () => {
  const { status, body } = await platform.call<Accepted>("POST", `${at}/instances`, {
    name: "life",
  });
  assert.equal(status, 202);
  assert.equal((await done(body.job)).state, "succeeded");
  const born = await show("life");
  assert.deepEqual([born.state, born.generation], ["running", 1]);

  assert.equal((await command("life", "stop")).state, "succeeded");
  assert.deepEqual([(await show("life")).state, (await show("life")).host], ["stopped", null]);
  assert.equal((await command("life", "start")).state, "succeeded");
  assert.deepEqual([(await show("life")).state, (await show("life")).host], ["running", born.host]);
  assert.equal((await command("life", "reboot", { force: true })).state, "succeeded");
  assert.equal((await show("life")).generation, 2);

  assert.equal((await command("life", "destroy")).state, "succeeded");
  assert.equal((await show("life")).state, "destroyed");
  assert.equal((await command("life", "recover")).state, "succeeded");
  assert.equal((await command("life", "destroy")).state, "succeeded");
  assert.equal((await command("life", "expunge")).state, "succeeded");
  const { body: gone } = await platform.call<Instance>("GET", `${at}/instances/${born.id}`);
  assert.equal(gone.state, "expunged");
  const rows = await platform.database.query("select from host where reserved_cpus <> 0");
  assert.equal(rows.length, 0);
  for (const host of platform.hosts) assert.equal(host.world.machines.size, 0);
});

test("the same request under the same key is carried out once", async () => {
  const headers = { "idempotency-key": "once" };
  const ask = () => platform.call<Accepted>("POST", `${at}/instances`, { name: "once" }, headers);
  const [first, second] = await Promise.all([ask(), ask()]);
  const third = await ask();
  assert.deepEqual([first.body.job, first.body.job], [second.body.job, third.body.job]);
  const other = await platform.call<{ code: string }>(
    "POST",
    `${at}/instances`,
    { name: "other" },
    headers,
  );
  assert.deepEqual([other.status, other.body.code], [409, "idempotency_key_reused"]);
  await done(first.body.job);
  for (const verb of ["relaunch", "stop"]) {
    const path = `${at}/instances/once/${verb}`;
    const twice = { "idempotency-key": `${verb} once` };
    const [before, after] = [
      await platform.call<Accepted>("POST", path, {}, twice),
      await platform.call<Accepted>("POST", path, {}, twice),
    ];
    assert.deepEqual([after.status, after.body.job], [before.status, before.body.job], verb);
  }
  await command("once", "destroy");
});

test("a guest that crashes is started again, and given up after its budget", async () => {
  const { body } = await platform.call<Accepted>("POST", `${at}/instances`, { name: "crashy" });
  await done(body.job);
  const id = body.instances[0]?.id;
  for (let crash = 1; crash <= 4; crash++) {
    await until(`generation ${crash} runs`, async () => {
      const now = await show("crashy");
      return now.state === "running" && now.generation === crash;
    });
    const host = platform.hosts.find(({ world }) =>
      [...world.machines.values()].some(({ spec }) => spec.id === id),
    );
    assert.ok(host);
    endMachine(host.world, { id: id as never, generation: crash }, wallClock, {
      status: { signal: "SIGSEGV" },
    });
  }
  await until("it is failed", async () => (await show("crashy")).state === "failed");
  assert.equal((await show("crashy")).cause?.class, "qemu-crash");
  assert.equal((await command("crashy", "start")).state, "succeeded");
  await command("crashy", "destroy");
});

test("what does not fit anywhere fails at once, with the verdict of each host", async () => {
  await platform.call("PUT", "/v1/types/huge", { cpus: 1, memoryMiB: 1_000_000, diskGiB: 1 });
  const { body } = await platform.call<Accepted>("POST", `${at}/instances`, {
    name: "huge",
    type: "huge",
  });
  const failed = await done(body.job);
  assert.deepEqual([failed.state, failed.problem?.code], ["failed", "insufficient_capacity"]);
  assert.equal((await show("huge")).state, "failed");
  assert.equal((await command("huge", "destroy")).state, "succeeded");
});

test("a group that keeps apart is spread over hosts, and the one too many is refused", async () => {
  const ask = { name: "apart", count: 4, antiAffinityGroup: "web" };
  const { body } = await platform.call<Accepted>("POST", `${at}/instances`, ask);
  const ended = await done(body.job);
  assert.deepEqual([ended.state, ended.succeeded], ["failed", 3]);
  const views = await Promise.all(body.instances.map(({ id }) => show(id)));
  assert.equal(new Set(views.flatMap(({ host }) => host ?? [])).size, 3);
  for (const { name } of body.instances) await command(name, "destroy");
});

test("an instance that is started again on a full host gets its own place back, counted once", async () => {
  const [host] = platform.hosts;
  assert.ok(host);
  await platform.call("PATCH", `/v1/hosts/${host.name}`, { tags: ["full"] });
  const cpus = 64 * 4; // All that a host offers at the standard factor.
  await platform.call("PUT", "/v1/types/whole", { cpus, memoryMiB: 128, diskGiB: 1 });
  host.world.powerOffTime = milliseconds(300);
  const ask = { name: "full", type: "whole", hostTags: ["full"] };
  const { body } = await platform.call<Accepted>("POST", `${at}/instances`, ask);
  assert.equal((await done(body.job)).state, "succeeded");
  const stop = await platform.call<Accepted>("POST", `${at}/instances/full/stop`, {});
  await platform.call("POST", `${at}/jobs/${stop.body.job}/cancel`, {}); // Off, and on again at once.
  await until("it runs again", async () => {
    const { state, generation } = await show("full");
    return state === "running" && generation === 2;
  });
  const reserved = () =>
    platform.database.query("select reserved_cpus as cpus from host where name = $1", [host.name]);
  assert.deepEqual(await reserved(), [{ cpus }]);
  await command("full", "destroy");
  assert.deepEqual(await reserved(), [{ cpus: 0 }]);
});
