/** Processes on standby: the contract, on the simulated hypervisor and on real QEMU; and who they become. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { encryptEmpty } from "../volumes/encryption.ts";
import { keepingMemory } from "./allocator.ts";
import { specOf } from "./contract.ts";
import { type StandbyRig, standbyContract } from "./contract-standby.ts";
import type { Disk, Hypervisor, MachineSpec } from "./driver.ts";
import { type FixtureHost, fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";
import type { KillableOrder } from "./fixture-standby.ts";
import { unixWay } from "./fixture-way.ts";
import { hostTscKHz } from "./host-tsc.ts";
import { standbyDirectory } from "./incarnation.ts";
import { standBy } from "./standby.ts";
import { templateFiles } from "./template.ts";

standbyContract("simulated", async () => simulated());
standbyContract("qemu", (t) => real(t));

const none = milliseconds(0);
const atOnce = { acpi: none, terminate: none, kill: seconds(20) };

test("qemu: an agent that is killed leaves nothing on standby, also not in the middle of a start", async (t) => {
  const { rig, driver, template, like, spec } = await prepared(t);
  await driver.close();
  const home = join(rig.runDir, standbyDirectory);
  const { clock: _, ...options } = rig.options;
  const agent = async () => {
    const order: KillableOrder = { options, template, like, spec };
    const script = join(import.meta.dirname, "fixture-standby.ts");
    const argv = ["--import", "tsx", script, JSON.stringify(order)];
    const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    return child;
  };
  const kill = async (child: Awaited<ReturnType<typeof agent>>) => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    while (processesOf(home).length > 0) await rig.aMoment();
  };

  await kill(await agent());

  const busy = await agent();
  const [name = ""] = readdirSync(home).filter((each) => existsSync(join(home, each, "pid")));
  const qemu = Number.parseInt(readFileSync(join(home, name, "pid"), "latin1"), 10);
  process.kill(qemu, "SIGSTOP"); // So that it is never given its disk.
  busy.stdin.write("start\n");
  while (ownersOf(spec).every((uid) => uid === 0)) await rig.aMoment();
  await kill(busy);

  const next = rig.open();
  assert.deepEqual(await next.adopt(), []);
  assert.deepEqual(readdirSync(home), []);
  assert.deepEqual(ownersOf(spec), [0], "its disk is nobody's");
  await next.start(spec);
  await up(rig, next, spec);
  await clear(rig, next, spec);
});

test("qemu: what an agent has just made an instance of when it is killed is adopted, and let run", async (t) => {
  const { rig, driver, template, like, spec } = await prepared(t);
  await driver.close();
  const uid = rig.options.uids.first;
  const hardware = { acceleration: "tcg", translationMiB: 64, tscKHz: await hostTscKHz() } as const;
  const standby = await standBy(
    { template, spec: like },
    {
      ...{ directory: join(rig.runDir, standbyDirectory, "a"), group: "standby-a", procs: [] },
      ...{ binary: "qemu-system-x86_64", hardware, jail: { uid, groups: [] } },
      ...{ inherited: [], tapNamespace: undefined },
    },
  );
  assert.ok(standby);
  for (const { source } of spec.disks) for (const file of source.files) chownSync(file, uid, uid);
  await standby.name(spec, "");
  await standby.dress(spec);
  await standby.record({
    ...{ name: spec.name, uid, requestId: spec.requestId, lent: [], group: "standby-a" },
    ...{ at: rig.options.clock.now(), warming: { isPaused: false } },
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(),
  });
  const { dir, instance } = rig.pathsOf(spec);
  mkdirSync(instance);
  renameSync(standby.paths.dir, dir);
  standby.goOn({ event: () => {}, closed: () => {} }).close();
  standby.keeper.process.ref();
  standby.keeper.end();
  await once(standby.keeper.process, "exit");

  const next = rig.open();
  await next.adopt();
  await up(rig, next, spec);
  const [view] = next.list(spec.id);
  assert.equal(view?.is === "running" && view.begun?.wasOnStandby, true);
  await clear(rig, next, spec);
});

test("qemu: one that cannot be launched leaves no file open, and nothing where it was", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "hf-sb-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const template = join(home, "t");
  mkdirSync(template);
  writeFileSync(join(template, templateFiles.standby), ""); // And no memory, which is opened last.
  const boot = { kernel: "/k", initrd: "/i", commandLine: "" };
  const directory = join(home, "s");
  await assert.rejects(
    standBy(
      { template, spec: { cpus: 1, memoryMiB: 64, boot } },
      {
        ...{ directory, group: "standby-a", procs: [], binary: "qemu-system-x86_64" },
        ...{ hardware: { acceleration: "tcg", translationMiB: 64, tscKHz: await hostTscKHz() } },
        ...{ jail: { uid: 0, groups: [] }, inherited: [], tapNamespace: undefined },
      },
    ),
    { code: "ENOENT" },
  );
  const open = readdirSync("/proc/self/fd").flatMap((fd) => {
    const file = join("/proc/self/fd", fd);
    return existsSync(file) ? readlinkSync(file) : [];
  });
  assert.deepEqual(
    [open.filter((file) => file.startsWith(home)), existsSync(directory)],
    [[], false],
  );
});

test("qemu: what was on standby moves to another host with its encrypted disk, and reboots there", async (t) => {
  const { rig, driver, template, like, spec: plain } = await prepared(t);
  const spec = { ...plain, disks: await Promise.all(plain.disks.map(locked)) };
  const other = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const destination = other.open();
  const next = { ...spec, generation: 2 };
  const launched = { ...specOf(), boot: rig.guest, template, disks: [await locked(rig.disk())] };
  await driver.start(launched);
  const [warm] = driver.list(launched.id);
  assert.equal(warm?.is === "running" && warm.begun?.how, "warm");
  await driver.stop(launched, atOnce);
  await driver.forget(launched);
  await driver.standBy(template, like);
  await driver.start(spec);
  const [begun] = driver.list(spec.id);
  assert.equal(begun?.is === "running" && begun.begun?.wasOnStandby, true);
  await up(rig, driver, spec);
  const form = await driver.formOf(spec);
  assert.equal(form.identityDisk, spec.disks[0]?.id);
  const way = await unixWay(await destination.receive(next, form, []));
  try {
    await driver.migrate(spec, { ...way, mirrored: [], mayPostcopy: false });
    for (;;) {
      const { status, says } = await driver.migration(spec);
      assert.ok(status !== "failed", says);
      const [view] = destination.list(spec.id);
      if (status === "completed" && view?.is === "incoming" && view.hasArrived) break;
      await rig.aMoment();
    }
    await destination.land(next);
    await driver.stop(spec, atOnce);
  } finally {
    way.cut();
  }
  await up(other, destination, next);
  assert.deepEqual(await destination.formOf(next), form);
  await destination.reset(next, none);
  while ((await destination.examine(next, seconds(5))).guest === "up") await rig.aMoment();
  await up(other, destination, next);
  await clear(other, destination, next);
  await clear(rig, driver, spec);
});

test("qemu: a disk is taken back before the user that it was lent to is free", async (t) => {
  const { rig, driver, template, like, spec } = await prepared(t);
  const lent = async () => {
    while (ownersOf(spec).every((uid) => uid === 0)) await rig.aMoment();
  };
  await driver.standBy(template, like);
  let refuse = (_: Error) => {};
  const taps = new Promise<undefined>((_, reject) => {
    refuse = reject;
  });
  const cable = new Error("its cable is not there");
  const refused = assert.rejects(driver.start(spec, taps), cable);
  await lent();
  refuse(cable);
  await refused;
  assert.deepEqual(ownersOf(spec), [0]);

  await driver.standBy(template, like);
  const never = new Promise<undefined>(() => {});
  const ended = assert.rejects(driver.start(spec, never), { code: "already_ended" });
  await lent();
  await driver.stop(spec, atOnce);
  await driver.forget(spec);
  assert.deepEqual(ownersOf(spec), [0]);
  await ended;
  await clear(rig, driver, spec);
});

test("qemu: a process on standby keeps the memory that it has had", async (t) => {
  const { rig, driver, template, like, spec } = await prepared(t);
  await driver.standBy(template, like);
  const home = join(rig.runDir, standbyDirectory);
  const [name = ""] = readdirSync(home);
  const qemu = Number.parseInt(readFileSync(join(home, name, "pid"), "latin1"), 10);
  const libraries = readFileSync(`/proc/${qemu}/maps`, "latin1");
  const { LD_PRELOAD: library } = await keepingMemory();
  assert.ok(library, "there is no libtcmalloc-minimal4 here");
  assert.ok(libraries.includes(library));
  await clear(rig, driver, spec);
});

async function prepared(t: TestContext) {
  const rig = await real(t);
  const driver = rig.open();
  const template = rig.directory();
  const { cpus, memoryMiB } = specOf();
  const like = { cpus, memoryMiB, boot: rig.guest };
  await driver.makeTemplate(like, template, minutes(5));
  const spec = { ...specOf(), boot: rig.guest, template, disks: [rig.disk()] };
  return { rig, driver, template, like, spec };
}

/** The same disk, encrypted. */
async function locked(disk: Disk): Promise<Disk> {
  const key = "a-key-that-nobody-guesses";
  for (const file of disk.source.files) await encryptEmpty(file, key);
  return { ...disk, key };
}

async function up(rig: FixtureHost, driver: Hypervisor, { id }: MachineSpec): Promise<void> {
  for (;;) {
    const [view] = driver.list(id);
    if (view?.is === "running" && view.guest === "up") return;
    assert.notEqual(view?.is, "exited");
    await rig.aMoment();
  }
}

async function clear(rig: FixtureHost, driver: Hypervisor, spec: MachineSpec): Promise<void> {
  await driver.stop(spec, atOnce);
  await driver.forget(spec);
  await driver.close();
  assert.deepEqual(await rig.leftovers(), []);
}

const ownersOf = ({ disks }: MachineSpec) =>
  disks.flatMap(({ source }) => source.files.map((file) => statSync(file).uid));

const processesOf = (text: string) =>
  execFileSync("ps", ["-eo", "stat,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(text) && !line.startsWith("Z"));

function simulated(): StandbyRig {
  const rig = simulatedRig();
  let made = 0;
  return {
    ...rig,
    stubborn: { kernel: "/simulated", initrd: "/simulated", commandLine: "stubborn" },
    directory: () => `/templates/${++made}`,
    spoil: (directory) => void rig.world.templates.set(directory, "spoilt"),
    disk: () => diskAt(`/disks/${++made}`, ++made),
  };
}

async function real(t: TestContext): Promise<StandbyRig & FixtureHost> {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const home = mkdtempSync(join(tmpdir(), "hf-standby-"));
  execFileSync("chmod", ["755", home]);
  t.after(() => rmSync(home, { recursive: true }));
  let made = 0;
  return {
    ...host,
    stubborn: host.guest,
    directory: () => mkdtempSync(join(home, "template-")),
    spoil(directory) {
      for (const name of readdirSync(directory)) truncateSync(join(directory, name), 100_000);
    },
    disk() {
      const file = join(home, `${++made}.qcow2`);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file, "16M"]);
      return diskAt(file, made);
    },
  };
}

const diskAt = (file: string, number: number): Disk => ({
  id: `disk-${number}`,
  source: fileSource(file, "qcow2"),
  readOnly: false,
});
