/**
 * `holdfast up --hosts 3` on real parts: three hosts on one machine, each with guests of its own, and everything
 * that may happen to one of them while the others do not notice.
 *
 * One room for all tests here, in order; the last one takes it down and looks for leftovers.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { type HostView, type Order, type Room, roomOf } from "../../apps/chassis/client.ts";
import { macOf } from "../../apps/chassis/plan.ts";
import type { Report } from "../../apps/drill/report.ts";
import { until } from "../platform.ts";
import { type Installation, install, networks } from "./installation.ts";

const at = "/v1/projects/default/instances";
const patience = 90_000;

interface InstanceView {
  readonly name: string;
  readonly id: string;
  readonly state: string;
  readonly host: string | null;
  readonly guest: string | null;
}
interface Seen {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly heardAt: number;
  readonly isConnected: boolean;
}

let here: Installation;
let room: Room;
before(async () => {
  here = await install("hosts", "--hosts", "3");
  room = roomOf(here.state);
});
after(() => here?.remove());

const see = async (name: string) => {
  const found = (await room.view()).hosts.find((host) => host.name === name);
  assert.ok(found);
  return found;
};
const seen = async () => (await here.call<{ hosts: Seen[] }>("GET", "/v1/hosts")).body.hosts;
const manager = async (name: string) => {
  const found = (await seen()).find((host) => host.name === name);
  assert.ok(found);
  return found;
};
const instances = async () =>
  (await here.call<{ instances: InstanceView[] }>("GET", at)).body.instances;
const order = (name: string, wanted: Order) => room.perform(name, wanted);
const isUp = ({ state, isConnected }: Seen) => state === "up" && isConnected;
const comesUp = (name: string) =>
  until(`${name} is up`, async () => isUp(await manager(name)), patience);
/** The managers have not heard it for as long as they have heard another after it. */
const fallsSilent = (name: string, other: string) =>
  until(
    `${name} is silent`,
    async () => (await manager(other)).heardAt - (await manager(name)).heardAt > 2_500,
    patience,
  );
const isHeardAgain = async (name: string) => {
  const { heardAt } = await manager(name);
  await until(
    `${name} is heard again`,
    async () => (await manager(name)).heardAt > heardAt,
    patience,
  );
  await comesUp(name);
};
/** Process ids of what every host runs for itself. */
const programs = () =>
  ["host-1", "host-2", "host-3"].flatMap((name) =>
    ["supervisor", "guard", "agent"].map((program) =>
      readFileSync(join(here.state, "hosts", name, `${program}.pid`), "utf8"),
    ),
  );
/** R, S, D, T, as the kernel says it; nothing if it has gone. */
const conditionOf = (pid: number) => {
  const stat = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, "latin1") : "";
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
};
const conditions = ({ processes }: HostView) => new Set(processes.map(conditionOf));
const allRunning = async () => {
  const before = here.guests();
  const all = await instances();
  const isUp = all.every(({ state, guest }) => state === "running" && guest === "up");
  // The managers may not have noticed yet that one is gone, or have started it again since they were asked.
  return all.length === 3 && isUp && before.size === 3 && isDeepStrictEqual(here.guests(), before);
};
const drill = async (...words: readonly string[]) =>
  JSON.parse(await here.command("drill", ...words, "--yes", "--json")) as Report; // It has no other shape.
const powerState = async ({ bmc }: HostView): Promise<string> => {
  const authorization = `Basic ${btoa(`${bmc.user}:${bmc.password}`)}`;
  const answer = await fetch(bmc.url, {
    headers: { authorization },
  });
  return ((await answer.json()) as { PowerState: string }).PowerState; // What Redfish calls it.
};

test("three hosts are up, each in a network of its own, and each runs a guest", async () => {
  const { hosts, gateway } = await room.view();
  assert.deepEqual((await seen()).map(({ name, state }) => [name, state]).sort(), [
    ["host-1", "up"],
    ["host-2", "up"],
    ["host-3", "up"],
  ]);
  assert.match(gateway, /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.1$/);
  assert.equal(new Set(hosts.map(({ address }) => address)).size, 3);
  assert.equal(new Set(hosts.map(({ bootId }) => bootId)).size, 3);
  for (const name of ["ada", "bob"]) await here.call("POST", at, { name });
  await until("all are up", allRunning, patience);
  const where = (await instances()).map(({ host }) => host);
  assert.equal(new Set(where).size, 3, "spread over the hosts");
  for (const host of hosts) {
    const found = (await see(host.name)).processes;
    const guest = [...here.guests().values()].filter((pid) => found.includes(pid));
    assert.equal(guest.length, 1, `${host.name} runs one of them`);
  }
});

test("up again changes nothing, and an installation stays what it is", async () => {
  const pids = async () => (await room.view()).hosts.map(({ processes }) => [...processes].sort());
  // Some of what a host runs is over in a moment, such as a look at its filters.
  const [once, again] = [await pids(), await pids()];
  const before = once.map((each, host) => each.filter((pid) => again[host]?.includes(pid)));
  const areAsBefore = () =>
    until("the same processes", async () => isDeepStrictEqual(await pids(), before), patience);
  await areAsBefore();
  await here.command("up", "--hosts", "3");
  await areAsBefore();
  for (const options of [[], ["--hosts", "2"]])
    await assert.rejects(here.command("up", ...options), /simulates 3 hosts/);
  await areAsBefore();
});

for (const direction of ["both", "in", "out"] as const)
  test(`a host that is cut off (${direction}) falls silent, and is back when it is healed`, async () => {
    const { cut } = await order("host-2", { do: "cut", direction });
    assert.deepEqual(cut, { in: direction !== "out", out: direction !== "in" });
    await fallsSilent("host-2", "host-1");
    await order("host-2", { do: "heal" });
    await isHeardAgain("host-2");
  });

test("a network that loses a fifth of everything is slow and nothing worse", async () => {
  const before = (await manager("host-3")).heardAt;
  await order("host-3", { do: "lossy", percent: 20 });
  await until(
    "it is heard for five seconds more",
    async () => (await manager("host-3")).heardAt > before + 5_000,
    patience,
  );
  await order("host-3", { do: "heal" });
  await comesUp("host-3");
});

test("a frozen host stands still and goes on when it is thawed", async () => {
  const frozen = await order("host-2", { do: "freeze" });
  assert.deepEqual([...conditions(frozen)], ["T"]);
  await fallsSilent("host-2", "host-1");
  const thawed = await order("host-2", { do: "thaw" });
  assert.equal(thawed.boots, 1);
  assert.equal(conditions(thawed).has("T"), false);
  await isHeardAgain("host-2");
});

test("an agent that is killed is back, and one that is paused stays so", async () => {
  const agent = () => Number(readFileSync(join(here.state, "hosts/host-1/agent.pid"), "utf8"));
  const before = agent();
  await order("host-1", { do: "kill-agent" });
  await until("there is another", async () => agent() !== before, patience);
  await isHeardAgain("host-1");
  await order("host-1", { do: "pause-agent" });
  assert.equal(conditionOf(agent()), "T");
  await order("host-1", { do: "resume-agent" });
  assert.notEqual(conditionOf(agent()), "T");
  await isHeardAgain("host-1");
});

test("power off leaves nothing of a host, and its BMC says so; power on is another boot", async () => {
  const before = await see("host-3");
  assert.equal(await powerState(before), "On");
  const off = await order("host-3", { do: "power-off" });
  assert.deepEqual([off.power, off.processes, off.watchdog.isArmed], ["off", [], false]);
  assert.equal(existsSync(`/run/netns/${off.namespace}`), false);
  assert.equal(await powerState(off), "Off");
  await assert.rejects(order("host-3", { do: "freeze" }), { code: "host_is_off" });
  // A manager that has its proof may be quicker.
  assert.notEqual((await order("host-3", { do: "power-on" })).power, "off");
  await until("it has booted", async () => (await see("host-3")).power === "on", patience);
  const { bootId, boots } = await see("host-3");
  assert.notEqual(bootId, before.bootId);
  assert.equal(boots, 2);
  const { bridge, gateway } = await room.view();
  const link = readFileSync(`/sys/class/net/${bridge}/address`, "utf8").trim();
  assert.equal(link, macOf(gateway), "the others still know the gateway by its link address");
  await comesUp("host-3");
});

test("a host that stands still for longer than its watchdog allows is reset", async () => {
  await until(
    "the watchdog is armed",
    async () => (await see("host-2")).watchdog.isArmed,
    patience,
  );
  const before = await see("host-2");
  // Or a manager would be quicker.
  await order("host-2", { do: "bmc", is: "dead" });
  await order("host-2", { do: "freeze" });
  await until("it has fired", async () => (await see("host-2")).watchdog.fired === 1, patience);
  await until("it has booted", async () => (await see("host-2")).power === "on", patience);
  const { bootId, isFrozen, processes } = await see("host-2");
  assert.notEqual(bootId, before.bootId);
  assert.equal(isFrozen, false);
  await order("host-2", { do: "bmc", is: "ok" });
  assert.deepEqual(
    processes.filter((pid) => before.processes.includes(pid)),
    [],
  );
  await comesUp("host-2");
});

test("a room that is killed finds everything as it was", async () => {
  await order("host-1", { do: "lossy", percent: 1 });
  // Or a manager would switch it on again.
  await order("host-3", { do: "bmc", is: "dead" });
  await order("host-3", { do: "power-off" });
  const calm = ({
    name,
    power,
    bootId,
    boots,
    lossPercent,
    bmc,
    namespace,
    watchdog,
  }: HostView) => ({
    ...{ name, power, bootId, boots, lossPercent, bmc, namespace },
    fired: watchdog.fired,
  });
  const before = (await room.view()).hosts;
  const running = programs();
  const file = join(here.state, "chassis.pid");
  const killed = Number(readFileSync(file, "utf8"));
  process.kill(killed, "SIGKILL");
  await until(
    "there is another",
    async () => Number(readFileSync(file, "utf8")) !== killed,
    patience,
  );
  await until("it answers", () => room.view().then(Boolean, () => false), patience);
  const now = (await room.view()).hosts;
  assert.deepEqual(now.map(calm), before.map(calm));
  assert.deepEqual(programs(), running, "and what ran runs on");
  await assert.rejects(powerState(await see("host-3")));
  await order("host-3", { do: "bmc", is: "ok" });
  assert.equal(await powerState(await see("host-3")), "Off");
  await order("host-1", { do: "heal" });
  await order("host-3", { do: "power-on", post: 0 });
  await comesUp("host-3");
});

test("a drill kills a guest's process, and names that as the cause", async () => {
  await until("all are up again", allRunning, patience);
  const { isAsExpected, outcomes } = await drill("qemu-kill", "ada");
  const [ada] = outcomes;
  assert.deepEqual([isAsExpected, ada?.named, ada?.isRight], [true, "qemu-killed", true]);
  const { detected = Infinity, cause = Infinity, up } = ada?.timeline ?? {};
  assert.ok(detected < 1_000 && cause < 2_000, `detected ${detected} ms, cause ${cause} ms`);
  assert.ok(up !== undefined);
});

test("a drill cuts a host off, its guest runs elsewhere, and nothing stays broken", async () => {
  await until("all are up again", allRunning, patience);
  const host = (await instances()).find(({ name }) => name === "ada")?.host;
  assert.ok(host);
  const { isAsExpected, outcomes, back } = await drill("host-cut", host);
  assert.equal(isAsExpected, true, JSON.stringify(outcomes));
  const ada = outcomes.find(({ instance }) => instance === "ada");
  assert.equal(ada?.named, "host-failure");
  assert.deepEqual([ada.from === host, ada.to === host], [true, false]);
  assert.ok(back !== undefined);
  const { cut, bmc, power } = await see(host);
  assert.deepEqual([cut, bmc.mood, power], [{ in: false, out: false }, "ok", "on"]);
});

test("down leaves the guests running, and up finds them again", async () => {
  await until("all are up again", allRunning, patience);
  const guests = here.guests();
  const boots = async () => (await room.view()).hosts.map((host) => host.boots);
  const before = await boots();
  await here.command("down");
  assert.deepEqual(here.guests(), guests);
  const left = here
    .leftovers([])
    .filter((line) => /(agent|guard|supervisor|chassis)\.js/.test(line));
  assert.deepEqual(left, []);
  await here.command("up", "--hosts", "3");
  assert.deepEqual(here.guests(), guests, await here.command("deaths"));
  assert.deepEqual(await boots(), before);
});

test("down --guests leaves nothing, whatever was broken at that moment", async () => {
  const ids = (await instances()).map(({ id }) => id);
  await order("host-1", { do: "cut", direction: "both" });
  await here.command("down", "--guests");
  assert.deepEqual([...here.guests().keys()], []);
  // An agent that lost its power while it wrote has left that file to the next one.
  const half = /^hosts\/host-\d\/agent\/.*\.tmp$/;
  assert.deepEqual(
    here.leftovers(ids).filter((path) => !half.test(path)),
    [],
  );
  assert.deepEqual(networks(here.state), [], "no namespaces, links and tables");
});

test("down takes away what a room has left that was killed with everything in it", async () => {
  for (const options of [[], ["--guests"]]) {
    await here.command("up", "--hosts", "3");
    await order("host-1", { do: "cut", direction: "both" });
    await here.crash();
    assert.notDeepEqual(networks(here.state), []);
    await here.command("down", ...options);
    assert.deepEqual(networks(here.state), [], `after down ${options}`);
  }
});
