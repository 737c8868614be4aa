/** Every way in which a simulated machine can die, from its host to what `holdfast why` says about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeathView, WhyView } from "@holdfast/cloud/deaths/api";
import { deathCounts } from "@holdfast/cloud/deaths/edge";
import {
  type Ending,
  endMachine,
  note,
  resetMachine,
  type SimulatedMachine,
  say,
} from "@holdfast/drivers/hypervisor/simulated";
import type { Instant } from "@holdfast/kernel/time";
import { run as type } from "../apps/cli/testing.ts";
import { sharedPlatform, type TestHost, until, wallClock } from "./platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly { readonly id: string }[];
}
interface Instance {
  readonly id: string;
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
  readonly cause: { readonly class: string } | null;
}

const at = "/v1/projects/default/instances";
const platform = await sharedPlatform({ hosts: 2 });

const show = async (name: string) => (await platform.call<Instance>("GET", `${at}/${name}`)).body;
const why = async (name: string, query = "") =>
  (await platform.call<WhyView>("GET", `${at}/${name}/death${query}`)).body;
const holdfast = (line: string) =>
  type(line, {
    environment: {
      HOLDFAST_URL: `http://127.0.0.1:${platform.managers[0]?.apiPort}`,
      HOLDFAST_TOKEN: platform.token,
    },
    now: wallClock.now(),
  });

async function born(name: string): Promise<string> {
  const { body } = await platform.call<Accepted>("POST", at, { name });
  await until(`${name} runs`, async () => (await show(name)).state === "running");
  return body.instances[0]?.id ?? "";
}

/** The machine of this generation, and the host that has it. */
function find(id: string, generation: number): readonly [TestHost, SimulatedMachine] | undefined {
  for (const host of platform.hosts)
    for (const machine of host.world.machines.values())
      if (machine.spec.id === id && machine.spec.generation === generation) return [host, machine];
  return undefined;
}

function end(id: string, how: Ending, prepare?: (machine: SimulatedMachine) => void): void {
  const found = find(id, 1);
  assert.ok(found);
  const [host, machine] = found;
  prepare?.(machine);
  endMachine(host.world, machine.spec, wallClock, how);
}

const panicked = (machine: SimulatedMachine) => {
  say(machine, wallClock, "[    4.1] sysrq: Trigger a crash");
  say(machine, wallClock, "[    4.1] Kernel panic - not syncing: sysrq triggered crash");
  note(machine, wallClock, "GUEST_PANICKED", { action: "poweroff" });
};
const killed = { status: { signal: "SIGKILL" } } as const;
const quit = { status: { code: 0 } } as const;

type Row = readonly [
  Ending,
  cause: string,
  evidence: RegExp,
  ((machine: SimulatedMachine) => void)?,
];
const table: Record<string, Row> = {
  crash: [{ status: { signal: "SIGSEGV" } }, "qemu-crash", /SIGSEGV/],
  error: [{ status: { code: 1 } }, "qemu-crash", /exit code 1/],
  kill: [killed, "qemu-killed", /SIGKILL/],
  term: [
    { ...quit, reason: "host-signal", signalledBy: { signal: "SIGTERM", pid: 4711, name: "bash" } },
    "qemu-killed",
    /SIGTERM from process 4711 \(bash\)/,
  ],
  memory: [{ ...killed, oomKills: 1 }, "host-oom-kill", /counts 1 out-of-memory kill\./],
  panic: [{ ...quit, reason: "guest-panic" }, "guest-panic", /sysrq triggered crash/, panicked],
  hang: [
    quit,
    "guest-hang",
    /stopped feeding its watchdog/,
    (machine) => note(machine, wallClock, "WATCHDOG", { action: "poweroff" }),
  ],
  disk: [
    { ...quit, reason: "guest-panic" },
    "storage-io",
    /write, no space left on the host/,
    (machine) => note(machine, wallClock, "BLOCK_IO_ERROR", { operation: "write", nospace: true }),
  ],
  fenced: [
    { ...killed, fenced: { at: 1 as Instant, why: "lease-expired" } },
    "self-fenced",
    /guard ended it: lease-expired/,
  ],
  traceless: [{ status: "unrecorded" }, "unknown", /gone too/],
};

for (const [name, [how, cause, evidence, prepare]] of Object.entries(table))
  test(`a machine that died like this (${name}) is certified as ${cause}, and its guest is told`, async () => {
    const id = await born(name);
    end(id, how, prepare);
    await until(`${name} is up again`, async () => {
      const { state, generation } = await show(name);
      return state === "running" && generation === 2;
    });
    const { death, says } = await why(name);
    assert.ok(death);
    assert.equal(death.cause, cause);
    assert.equal(says, death.says);
    assert.match(death.evidence.map((one) => one.says).join("\n"), evidence);
    assert.equal(death.confidence === "none", cause === "unknown");
    const did = death.did.map((one) => one.says).join("\n");
    assert.match(did, /^Knew of it and its cause \d\.\d s after its end\./);
    assert.match(did, /Started it again as generation 2 on host-\d.*\nIt runs again/);

    const { out, code } = await holdfast(`why ${name}`);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^${name}, generation 1: ${cause}\n`));
    assert.match(out.replaceAll(/\s+/g, " "), evidence);
    assert.match(out, /\nNext\n/);
    if (cause === "unknown") assert.match(out, /\nSought and not found\n/);
    for (const line of out.split("\n")) assert.ok(line.length <= 100, line);

    const told = find(id, 2)?.[1].spec.metadata["last-death"] ?? "";
    const { cause: named, generation } = JSON.parse(told);
    assert.deepEqual([named, generation], [cause, 1]);
    assert.equal(find(id, 2)?.[1].log.length === undefined, false);
    await platform.call("POST", `${at}/${name}/destroy`);
  });

test("the journal of the end carries the cause and what it rests on", async () => {
  const { body } = await platform.call<{ events: { event: string; detail: unknown }[] }>(
    "GET",
    `${at}/${(await listed("crash")).instance}/events`,
  );
  const detail = body.events.find(({ event }) => event === "exitObserved")?.detail;
  const { class: cause, evidence, confidence } = detail as Record<string, unknown>; // Checked below.
  assert.deepEqual([cause, confidence], ["qemu-crash", "certain"]);
  assert.ok(Array.isArray(evidence) && evidence.some((line) => /SIGSEGV/.test(line)));
});

async function listed(name: string): Promise<DeathView> {
  const { body } = await platform.call<{ deaths: DeathView[] }>("GET", "/v1/deaths?limit=100");
  const found = body.deaths.find((one) => one.name === name);
  assert.ok(found);
  return found;
}

test("deaths of the fleet are listed by cause and counted", async () => {
  const { body } = await platform.call<{ deaths: DeathView[] }>(
    "GET",
    "/v1/deaths?cause=qemu-crash",
  );
  assert.deepEqual(body.deaths.map(({ name }) => name).sort(), ["crash", "error"]);
  const later = await platform.call<{ deaths: DeathView[] }>(
    "GET",
    `/v1/deaths?since=${Date.now() + 60_000}`,
  );
  assert.deepEqual(later.body.deaths, []);
  const odd = await platform.call<{ code: string }>("GET", "/v1/deaths?cause=boredom");
  assert.deepEqual([odd.status, odd.body.code], [400, "invalid_request"]);
  const counts = await deathCounts(platform.database);
  assert.deepEqual(
    counts.find(({ cause }) => cause === "qemu-crash"),
    { cause: "qemu-crash", layer: "infrastructure", count: 2 },
  );
  const { out } = await holdfast("deaths --cause qemu-crash");
  assert.match(out, /^NAME .*\n(crash|error) +1 +qemu-crash/);
});

test("a guest that switches itself off stays off, and has a certificate", async () => {
  const id = await born("off");
  end(id, { ...quit, reason: "guest-shutdown" });
  await until("it stays off", async () => (await show("off")).desired === "stopped");
  const { death } = await why("off");
  assert.equal(death?.cause, "guest-shutdown");
  assert.match(
    death?.did.map(({ says }) => says).join("\n") ?? "",
    /Left it off, as its guest wanted/,
  );
});

test("whoever asked for an end is the answer, and there is no certificate", async () => {
  await born("well");
  assert.match((await holdfast("why well")).out, /^well has not died\. It is running\.\n$/);
  await platform.call("POST", `${at}/well/stop`);
  await until("it is stopped", async () => (await show("well")).state === "stopped");
  const stopped = await why("well");
  assert.deepEqual(
    [stopped.death, stopped.order?.verb, stopped.order?.actor],
    [null, "stop", "operator"],
  );
  assert.match((await holdfast("why well")).out, /^well was stopped by operator at 2\d\d\d-/);
  const first = await holdfast("why well --generation 1");
  assert.match(first.out, /^Generation 1 of well was ended as operator asked \(stop\) at/);
  const ninth = await holdfast("why well --generation 9");
  assert.equal(ninth.code, 3);
  assert.match(ninth.err, /death_not_found/);
  const nobody = await holdfast("why wel");
  assert.match(nobody.err, /Did you mean well\?/);
  const rows = await platform.database.query(
    "select from death d join instance i on i.id = d.instance_id where i.name = 'well'",
  );
  assert.equal(rows.length, 0);
});

test("a launch that fails is certified, and the platform says what it did", async () => {
  for (const { world } of platform.hosts) world.tempers.clear();
  const { body } = await platform.call<Accepted>("POST", at, {
    name: "stillborn",
    startPaused: true,
  });
  const id = body.instances[0]?.id ?? "";
  await until("it runs", async () => (await show("stillborn")).state === "running");
  const found = find(id, 1);
  assert.ok(found);
  for (const { world } of platform.hosts) world.tempers.set(id as never, { launch: "fails" });
  endMachine(found[0].world, found[1].spec, wallClock, { status: { signal: "SIGSEGV" } });
  await until("it is given up", async () => (await show("stillborn")).state === "failed");
  const { death } = await why("stillborn");
  assert.equal(death?.cause, "launch-failed");
  assert.match(death?.did.map(({ says }) => says).join("\n") ?? "", /Gave it up/);
  const deaths = await platform.call<{ deaths: DeathView[] }>("GET", `${at}/stillborn/deaths`);
  assert.equal(deaths.body.deaths.at(-1)?.cause, "qemu-crash");
  assert.equal((await show("stillborn")).cause?.class, "launch-failed");
});

test("a reboot in the same process is no death", async () => {
  const id = await born("rebooted");
  const [host, machine] = find(id, 1) ?? [];
  assert.ok(host && machine);
  resetMachine(host.world, machine, wallClock, "guest-reset");
  assert.equal((await why("rebooted")).death, null);
});

test("a host that was sworn off and comes back changes the certificate: the guest had lived on", async () => {
  const id = await born("partitioned");
  const host = find(id, 1)?.[0];
  assert.ok(host);
  await platform.stopAgent(host);
  await until("its host is silent", async () => (await show("partitioned")).state === "lost");
  const sworn = await platform.call("POST", `/v1/hosts/${host.name}/attest`, {
    name: host.name,
    reason: "the rack has no power",
  });
  assert.equal(sworn.status, 200);
  await until("it is certified", async () => (await why("partitioned")).death !== null);
  const { death: first } = await why("partitioned");
  assert.deepEqual([first?.cause, first?.confidence, first?.amended], ["attested", "likely", null]);
  assert.equal(first?.fence?.proof, "attested");
  assert.match(first?.did[0]?.says ?? "", /^Took the proof of its host's death/);

  await platform.startAgent(host);
  await until("the inquest is held again", async () => !!(await why("partitioned")).death?.amended);
  const { death } = await why("partitioned");
  assert.deepEqual([death?.cause, death?.amended?.was], ["host-partition", "attested"]);
  assert.match(
    death?.evidence.map(({ says }) => says).join("\n") ?? "",
    /alive after its host had fallen silent/,
  );
  const { out } = await holdfast("why partitioned");
  assert.match(
    out,
    /amended +(now|\d+ s ago), when its host told more; it was first taken for attested/,
  );
});
