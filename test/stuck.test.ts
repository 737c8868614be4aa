/**
 * What gets stuck, each on a host of its own: it ends in a clear state with a cause before its deadline is
 * over, the job says so, and after it is expunged nothing of it is left.
 *
 * The stories run side by side, because most of their time is spent waiting for deadlines.
 */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { dialler, join } from "@holdfast/cloud/agent/edge";
import { protocolVersion } from "@holdfast/cloud/hosts";
import type { Temper } from "@holdfast/drivers/hypervisor/simulated";
import type { SimulatedPool } from "@holdfast/drivers/volumes/simulated";
import { seconds } from "@holdfast/kernel/time";
import { readJournal } from "@holdfast/store/journal";
import { sharedPlatform, type TestHost, until } from "./platform.ts";

const at = "/v1/projects/default";
const settings = {
  "hosts.heartbeat": 0.5,
  "hosts.lease": 3,
  "instances.starting_deadline": 2,
  "instances.boot_timeout": 1,
  "instances.stop_grace": 1,
  "instances.stop_force_deadline": 2,
  "instances.reboot_grace": 0,
  "instances.reboot_deadline": 1,
  "instances.lost_page": 1,
  "instances.expunge_retry": 1,
  "instances.restart_budget": 1,
  "manager.resync": 0.5,
};

interface View {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly generation: number;
  readonly op: { readonly step: string } | null;
  readonly cause: { readonly class: string; readonly problem?: { readonly code: string } } | null;
}
interface Accepted {
  readonly job: string;
  readonly instances: readonly [View];
}
interface Job {
  readonly state: string;
  readonly problem: { readonly code: string; readonly message: string } | null;
}

const platform = await sharedPlatform({ hosts: 11 });
before(async () => {
  for (const [name, value] of Object.entries(settings)) {
    const { status } = await platform.call("PUT", `/v1/settings/${name}`, { value });
    assert.equal(status, 200, name);
  }
  for (const { name } of platform.hosts)
    await platform.call("PATCH", `/v1/hosts/${name}`, { tags: [name] });
});

const hostOf = (story: number): TestHost => {
  const host = platform.hosts[story];
  assert.ok(host);
  return host;
};
const poolOf = (host: TestHost): SimulatedPool => {
  const pool = host.pools.get("local");
  assert.ok(pool);
  return pool;
};

/** Whatever is launched on this host from now on is like that. */
function tempered(host: TestHost, temper: Temper): void {
  host.world.tempers.get = () => temper;
}
async function run(host: { readonly name: string }, more: object = {}): Promise<Accepted> {
  const asked = { name: `on-${host.name}`, hostTags: [host.name], ...more };
  const { status, body } = await platform.call<Accepted>("POST", `${at}/instances`, asked);
  assert.equal(status, 202, JSON.stringify(body));
  return body;
}
async function order(id: string, verb: string, body: object = {}): Promise<string> {
  const path = `${at}/instances/${id}/${verb}`;
  const answer = await platform.call<Accepted>("POST", path, body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  return answer.body.job;
}
async function ended(job: string): Promise<Job> {
  for (;;) {
    const { body } = await platform.call<Job>("GET", `${at}/jobs/${job}?waitSeconds=20`);
    if (body.state !== "running") return body;
  }
}
const show = async (id: string) => (await platform.call<View>("GET", `${at}/instances/${id}`)).body;
const reaches = (id: string, state: string) =>
  until(`${state} is reached`, async () => (await show(id)).state === state);
const succeeds = async (job: string) => assert.equal((await ended(job)).state, "succeeded");

/** Destroys and expunges it, and finds nothing left of it. */
async function leavesNothing(host: TestHost, id: string): Promise<void> {
  await succeeds(await order(id, "destroy"));
  await succeeds(await order(id, "expunge"));
  await until("its host has let go", async () => {
    const isHeld = (await host.shelf.load()).length > 0 || host.agent?.keeper.held().length !== 0;
    return !isHeld && host.world.machines.size === 0;
  });
  assert.deepEqual([...poolOf(host).volumes.keys()], []);
  assert.deepEqual(await host.loans.load(), []);
  const [row] = await platform.database.query(
    "select reserved_cpus as cpus, reserved_memory_mib as memory from host where name = $1",
    [host.name],
  );
  assert.deepEqual(row, { cpus: 0, memory: 0 });
}

describe("stuck things", { concurrency: true }, () => {
  test("a launch that hangs is ended, tried once more, and given up", async () => {
    const host = hostOf(0);
    tempered(host, { launch: "hangs" });
    const { job, instances } = await run(host);
    assert.equal((await ended(job)).state, "failed");
    const { state, cause, generation } = await show(instances[0].id);
    assert.deepEqual([state, cause?.class, generation], ["failed", "boot-timeout", 2]);
    tempered(host, {});
    await succeeds(await order(instances[0].id, "start"));
    await leavesNothing(host, instances[0].id);
  });

  test("a launch that fails is tried once more, and given up with what QEMU said", async () => {
    const host = hostOf(1);
    tempered(host, { launch: "fails" });
    const { job, instances } = await run(host);
    const { state, problem } = await ended(job);
    assert.deepEqual([state, problem?.code], ["failed", "launch_failed"]);
    const now = await show(instances[0].id);
    assert.deepEqual([now.state, now.cause?.class], ["failed", "launch-failed"]);
    await leavesNothing(host, instances[0].id);
  });

  test("a guest that is deaf to its power button is stopped when its grace is over", async () => {
    const host = hostOf(2);
    tempered(host, { isDeaf: true });
    const { job, instances } = await run(host);
    await succeeds(job);
    await succeeds(await order(instances[0].id, "stop"));
    const { state, cause } = await show(instances[0].id);
    assert.deepEqual([state, cause?.class], ["stopped", "user-stop"]);
    await leavesNothing(host, instances[0].id);
  });

  test("a QEMU that ignores QMP and SIGTERM is killed, by force at once", async () => {
    const host = hostOf(3);
    tempered(host, { isFrozen: true });
    const { job, instances } = await run(host);
    await succeeds(job);
    await succeeds(await order(instances[0].id, "stop", { force: true }));
    await succeeds(await order(instances[0].id, "start"));
    await leavesNothing(host, instances[0].id); // Not by force: terminate is waited for first.
  });

  test("a QEMU that nothing can end is called overdue, keeps its place, and is gone when it is gone", async () => {
    const host = hostOf(4);
    tempered(host, { isFrozen: true, isUndying: true });
    const { job, instances } = await run(host);
    const [{ id }] = instances;
    await succeeds(job);
    const failed = await ended(await order(id, "destroy"));
    assert.deepEqual(
      [failed.state, failed.problem?.message],
      ["failed", "Its host does not confirm that it has ended."],
    );
    const stuck = await show(id);
    assert.deepEqual([stuck.state, stuck.cause?.class], ["stopping", "host-silent"]);
    assert.match(stuck.op?.step ?? "", /overdue/);
    const [row] = await platform.database.query<{ cpus: number }>(
      "select reserved_cpus as cpus from host where name = $1",
      [host.name],
    );
    assert.equal(row?.cpus, 1);
    tempered(host, {}); // The disk that it waited for is back.
    await reaches(id, "destroyed");
    await leavesNothing(host, id);
  });

  test("a reset that is not carried out fails by its deadline, and is not carried out later either", async () => {
    const host = hostOf(5);
    const { job, instances } = await run(host);
    const [{ id }] = instances;
    await succeeds(job);
    const [machine] = host.world.machines.values();
    assert.ok(machine);
    machine.isFrozen = true;
    assert.equal((await ended(await order(id, "reboot", { force: true }))).state, "failed");
    assert.equal((await show(id)).state, "running");
    const { boots } = machine;
    machine.isFrozen = false;
    await until("the host does not wish for it any longer", async () => {
      const [held] = await host.shelf.load();
      return held?.wish.reboots === 0;
    });
    assert.equal(machine.boots, boots);
    await succeeds(await order(id, "reboot", { force: true }));
    assert.equal(machine.boots, boots + 1);
    await leavesNothing(host, id);
  });

  test("a guest that never says ready is ended and tried once more, with the cause", async () => {
    const host = hostOf(6);
    host.world.bootTime = seconds(20);
    const { job, instances } = await run(host);
    await succeeds(job); // It runs. That its guest is up is another question.
    await reaches(instances[0].id, "failed");
    const { cause, generation } = await show(instances[0].id);
    assert.deepEqual([cause?.class, generation], ["boot-timeout", 2]);
    await leavesNothing(host, instances[0].id);
  });

  test("an image that a host cannot get fails the start, and says which", async () => {
    const host = hostOf(7);
    const { images } = poolOf(host);
    images.set = () => images;
    const { job, instances } = await run(host);
    const { state, problem } = await ended(job);
    assert.deepEqual([state, problem?.code], ["failed", "image_damaged"]);
    Reflect.deleteProperty(images, "set");
    await succeeds(await order(instances[0].id, "start"));
    await leavesNothing(host, instances[0].id);
  });

  test("a host whose disk is full fails the start, and says so", async () => {
    const host = hostOf(8);
    poolOf(host).capacity = 100;
    const { job, instances } = await run(host);
    assert.equal((await ended(job)).state, "failed");
    const { state, cause } = await show(instances[0].id);
    assert.deepEqual([state, cause?.class], ["failed", "launch-failed"]);
    assert.match(cause?.problem?.code ?? "", /full/);
    poolOf(host).capacity = 2 ** 40;
    await succeeds(await order(instances[0].id, "start"));
    await leavesNothing(host, instances[0].id);
  });

  test("a host that falls silent keeps its guests, who are lost until it is heard again", async () => {
    const host = hostOf(9);
    const { job, instances } = await run(host);
    const [{ id }] = instances;
    await succeeds(job);
    host.agent?.kill();
    await reaches(id, "lost");
    const failed = await ended(await order(id, "destroy"));
    assert.equal(failed.state, "failed");
    assert.match(failed.problem?.message ?? "", /silent/);
    assert.equal((await show(id)).cause?.class, "host-silent");
    assert.equal([...host.world.machines.values()].filter(({ exit }) => !exit).length, 1);
    await platform.startAgent(host);
    await reaches(id, "destroyed"); // The wish was not forgotten with the job.
    await leavesNothing(host, id);
  });

  test("an agent that beats and does nothing is overdue, and its instance is not started elsewhere", async () => {
    const mute = await muteAgent();
    const { job, instances } = await run(mute);
    const [{ id }] = instances;
    const failed = await ended(job);
    assert.equal(failed.state, "failed");
    const stuck = await show(id);
    assert.deepEqual(
      [stuck.state, stuck.cause?.class, stuck.generation],
      ["stopping", "boot-timeout", 1],
    );
    mute.close();
    const host = hostOf(10);
    host.joined = mute.joined; // Somebody mends it: the same host, with an agent that does what it should.
    await platform.stopAgent(host);
    await platform.startAgent(host);
    await reaches(id, "running");
    await leavesNothing({ ...host, name: mute.name }, id);
  });

  test("what is uploaded and is no image fails its import, and whoever waits for it", async () => {
    await platform.call("POST", `${at}/images`, { name: "letter" });
    const { job, instances } = await run(hostOf(0), { name: "on-letter", image: "letter" });
    const [manager] = platform.managers;
    const response = await fetch(
      `http://127.0.0.1:${manager?.apiPort}${at}/images/letter/content`,
      {
        method: "PUT",
        headers: {
          authorization: `Bearer ${platform.token}`,
          "content-type": "application/octet-stream",
        },
        body: "Dear Sir or Madam, …",
      },
    );
    const { code } = (await response.json()) as { code: string }; // A problem, always.
    assert.deepEqual([response.status, code], [400, "image_not_an_image"]);
    assert.equal((await ended(job)).state, "failed");
    const { state, cause } = await show(instances[0].id);
    assert.deepEqual([state, cause?.class], ["failed", "image-unavailable"]);
    await succeeds(await order(instances[0].id, "destroy"));
    await succeeds(await order(instances[0].id, "expunge"));
  });
});

test("the clocks of the machine jump an hour forward and two back, and nobody is ended or lost because of it", async (t) => {
  const host = hostOf(2);
  tempered(host, { isDeaf: true });
  const { job, instances } = await run(host);
  const [{ id }] = instances;
  await succeeds(job);
  const real = Date.now;
  let shift = 0;
  t.mock.method(Date, "now", () => real() + shift);
  for (const hours of [1, -1]) {
    shift = hours * 3_600_000;
    const began = performance.now();
    await succeeds(await order(id, "stop")); // A deaf guest: its second of grace is what takes the time.
    const took = performance.now() - began;
    assert.ok(took > 900 && took < 9_000, `${took} ms`);
    await succeeds(await order(id, "start"));
  }
  shift = 0;
  const events = await readJournal(platform.database, id);
  const strange = events.filter(({ event }) => /deadline|lease|reattached/.test(event));
  assert.deepEqual(strange, []);
  const silent = await platform.database.query(
    "select from host where state <> 'up' and name = $1",
    [host.name],
  );
  assert.deepEqual(silent, []);
  await leavesNothing(host, id);
});

/** A host whose agent says hello and that it is alive, and never does anything. */
async function muteAgent() {
  const name = "mute";
  const manager = `127.0.0.1:${platform.managers[0]?.agentPort}`;
  const asked = { hostName: name, minutes: 5 };
  const { body } = await platform.call<{ token: string }>("POST", "/v1/join-tokens", asked);
  const joined = await join(manager, body.token, name);
  await platform.call("PATCH", `/v1/hosts/${name}`, { tags: [name] });
  let isWelcome = () => {};
  const welcome = new Promise<void>((resolve) => {
    isWelcome = resolve;
  });
  const wire = await dialler([manager], joined)(isWelcome, () => {});
  const say = (message: object) => wire.send(JSON.stringify(message));
  say({
    say: "hello",
    protocol: protocolVersion,
    bootId: "mute",
    epoch: null,
    pools: [],
    underlay: null,
    cpus: 4,
    memoryMiB: 4_096,
    facts: { acceleration: { kind: "none", reason: "mute" }, kernel: "none", hypervisor: "none" },
    held: [],
    machines: [],
  });
  const beats = setInterval(() => say({ say: "heartbeat", sentAt: 0, guard: null }), 500);
  await welcome; // It is up from here on, for whoever looks for a place as well.
  return {
    name,
    joined,
    close() {
      clearInterval(beats);
      wire.close();
    },
  };
}
