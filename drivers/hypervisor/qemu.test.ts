/** What only real QEMU can get wrong: confinement, evidence, and the ways in which a launch fails. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import { boundConsoles } from "./console-bound.ts";
import { specOf } from "./contract.ts";
import type { Hypervisor, MachineEvent, MachineSpec } from "./driver.ts";
import { findFenceable, killFenceable, noteFenced, readFenced } from "./fenceable.ts";
import { type FixtureHost, fixtureHost } from "./fixture-host.ts";
import { writeRecord } from "./incarnation.ts";
import { isAlive, parseStat } from "./process.ts";
import { type QemuOptions, qemuHypervisor } from "./qemu.ts";

const none = milliseconds(0);
const atOnce = { acpi: none, terminate: none, kill: seconds(20) };

/** A host, a driver on it, and the promise that nothing is left on it in the end. */
function real(
  what: string,
  body: (desk: {
    readonly host: FixtureHost;
    readonly driver: Hypervisor;
    readonly spec: MachineSpec;
    readonly t: TestContext;
    hear(what: MachineEvent["what"]): Promise<MachineEvent>;
  }) => Promise<void>,
  changes: Partial<QemuOptions> = {},
) {
  test(`qemu: ${what}`, async (t) => {
    const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
    const driver = qemuHypervisor({ ...host.options, ...changes });
    const heard: MachineEvent[] = [];
    let wake = () => {};
    driver.onEvent((event) => {
      heard.push(event);
      wake();
    });
    const hear = async (what: MachineEvent["what"]) => {
      for (;;) {
        const found = heard.find((event) => event.what === what);
        if (found) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    try {
      await body({ host, driver, spec: specOf(), t, hear });
    } finally {
      await driver.close();
      const cleaner = host.open();
      for (const view of await cleaner.adopt()) {
        if (view.is === "running") await cleaner.stop(view, atOnce);
        await cleaner.forget(view);
      }
      await cleaner.close();
    }
    assert.deepEqual(await host.leftovers(), []);
  });
}

/** A directory that guests may read, with whatever the test puts there. */
function volumes(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "hf-volumes-"));
  chmodSync(dir, 0o711);
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

function disk(dir: string, format: "qcow2" | "raw" = "qcow2") {
  const file = join(dir, `disk.${format}`);
  execFileSync("qemu-img", ["create", "-q", "-f", format, file, "16M"]);
  return { id: "disk0", source: fileSource(file, format), readOnly: false, file };
}

real("every guest is confined: own user, no rights, own namespaces, own cgroup", async (desk) => {
  const { host, driver } = desk;
  const two = [specOf(), specOf()];
  for (const spec of two) await driver.start(spec);
  const [first, second] = two.map((spec) => {
    const { pid } = host.processOf(spec);
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const fact = (name: string) => new RegExp(`^${name}:[ \\t]*(\\S*)`, "m").exec(status)?.[1];
    assert.equal(fact("Seccomp"), "2");
    assert.equal(fact("NoNewPrivs"), "1");
    assert.equal(fact("Groups"), "");
    for (const set of ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"])
      assert.equal(Number.parseInt(fact(set) ?? "1", 16), 0, set);
    for (const space of ["net", "mnt", "ipc"])
      assert.notEqual(
        readlinkSync(`/proc/${pid}/ns/${space}`),
        readlinkSync(`/proc/self/ns/${space}`),
      );
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    for (const file of open)
      assert.match(file, /^(\/dev\/null|socket:|anon_inode:|.*\/qemu\.log|.*\/console\.log)/);
    const groups = host.cgroupsOf(spec);
    assert.ok(groups.length > 0);
    for (const group of groups)
      assert.equal(readFileSync(join(group, "cgroup.procs"), "latin1").trim(), String(pid));
    return { uid: fact("Uid"), net: readlinkSync(`/proc/${pid}/ns/net`) };
  });
  assert.ok(first && second);
  assert.ok(Number(first.uid) >= 910_000);
  assert.notEqual(first.uid, second.uid);
  assert.notEqual(first.net, second.net);
});

real("one id leads from the request to the process and to its log", async (desk) => {
  const { host, driver, spec } = desk;
  await driver.start(spec);
  const line = readFileSync(`/proc/${host.processOf(spec).pid}/cmdline`, "latin1");
  const log = readFileSync(host.pathsOf(spec).log, "latin1");
  for (const text of [line, log]) {
    assert.ok(text.includes(`request=${spec.requestId}`));
    assert.ok(text.includes(spec.id));
  }
});

real("a guest's disk is lent for as long as it runs", async ({ driver, spec, t }) => {
  const root = disk(volumes(t));
  await driver.start({ ...spec, disks: [root] });
  assert.ok(statSync(root.file).uid >= 910_000);
  await driver.stop(spec, atOnce);
  await driver.forget(spec);
  assert.equal(statSync(root.file).uid, 0);
});

real("a disk that somebody uses is not opened twice", async ({ driver, spec, t }) => {
  const root = disk(volumes(t));
  await driver.start({ ...spec, disks: [root] });
  await assert.rejects(driver.start({ ...specOf(), disks: [root] }), { code: "disk_in_use" });
});

real("what is not a disk image is refused in QEMU's words", async ({ driver, spec, t }) => {
  const file = join(volumes(t), "disk.qcow2");
  writeFileSync(file, "not a disk".repeat(1_000));
  const disks = [{ id: "disk0", source: fileSource(file, "qcow2"), readOnly: false }];
  await assert.rejects(driver.start({ ...spec, disks }), {
    code: "disk_unusable",
    kind: "unavailable",
  });
});

real("a kernel that is not there is named", async ({ host, driver, spec }) => {
  const boot = { ...host.guest, kernel: "/nowhere/vmlinuz" };
  await assert.rejects(driver.start({ ...spec, boot }), (error: Error & { details?: unknown }) => {
    assert.match(JSON.stringify(error.details), /\/nowhere\/vmlinuz/);
    return "code" in error && error.code === "boot_file_missing";
  });
});

real(
  "an image behind a closed directory is told with the cure",
  async ({ host, driver, spec, t }) => {
    const closed = join(volumes(t), "closed");
    mkdirSync(closed, { mode: 0o700 });
    const kernel = join(closed, "vmlinuz");
    writeFileSync(kernel, "", { mode: 0o644 });
    const start = driver.start({ ...spec, boot: { ...host.guest, kernel } });
    await assert.rejects(start, (error: Error & { details?: { fix?: string } }) => {
      assert.ok(error.details?.fix?.endsWith(`chmod o+x ${closed}`), error.details?.fix);
      return "code" in error && error.code === "file_unreachable";
    });
  },
);

real(
  "a host without QEMU says so",
  async ({ driver, spec }) => {
    await assert.rejects(driver.start(spec), { code: "qemu_missing" });
  },
  { binary: "qemu-system-nowhere" },
);

real(
  "the last user is taken, and given back when its machine is forgotten",
  async ({ driver, spec }) => {
    const [first, second] = [spec, specOf()];
    await driver.start(first);
    await assert.rejects(driver.start(second), { code: "guest_users_exhausted" });
    await driver.stop(first, atOnce);
    await driver.forget(first);
    await driver.start(second);
  },
  { uids: { first: 910_000, count: 1 } },
);

test("qemu: a run directory too long for its sockets is refused before anything is made", async (t) => {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const runDir = join(host.runDir, "x".repeat(60));
  const driver = qemuHypervisor({ ...host.options, runDir });
  await assert.rejects(driver.start(specOf()), { code: "run_directory_too_long" });
  assert.deepEqual(readdirSync(runDir), []);
  await driver.close();
});

real("a name for metadata that could leave its directory is refused", async ({ driver, spec }) => {
  const start = driver.start({ ...spec, metadata: { "../../etc/passwd": "x" } });
  await assert.rejects(start, { code: "bad_metadata_name" });
  await driver.stop(spec, atOnce);
});

real("an agent killed before the launch can simply try again", async ({ host, driver, spec }) => {
  const paths = host.pathsOf(spec);
  mkdirSync(paths.vm, { recursive: true });
  const record = { name: "", uid: 910_003, bootId: "another", at: host.options.clock.now() };
  await writeRecord(paths, { ...record, requestId: "", lent: [] });
  await driver.start(spec);
  assert.equal(statSync(paths.vm).uid, 910_003, "it keeps the user that was chosen before");
});

real("a killed shim does not hide a death", async ({ host, driver, spec, hear }) => {
  await driver.start(spec);
  const shim = parseStat(readFileSync(host.pathsOf(spec).started, "latin1"));
  process.kill(Number(shim?.pid), "SIGKILL");
  await driver.pause(spec); // It runs on.
  await host.kill(spec);
  const told = await hear("exited");
  assert.ok(told.what === "exited");
  assert.equal(told.exit.status, "unrecorded");
});

real(
  "machines of an earlier boot of the host have ended, whoever has their number now",
  async (desk) => {
    const { host, driver, spec } = desk;
    const paths = host.pathsOf(spec);
    mkdirSync(paths.vm, { recursive: true });
    const [me] = readFileSync("/proc/self/stat", "latin1").split("\n");
    for (const file of [paths.started, paths.pid]) writeFileSync(file, `${me}\n`);
    const record = { name: "", uid: 910_003, bootId: "another", at: host.options.clock.now() };
    await writeRecord(paths, { ...record, requestId: "", lent: [] });
    const [view] = await driver.adopt();
    assert.ok(view?.is === "exited");
    assert.equal(view.exit.status, "unrecorded");
  },
);

real(
  "a stray cgroup of ours is swept away, one in use is not",
  async ({ host, driver, spec, t }) => {
    await driver.start(spec);
    const stray = host.cgroupsOf(spec).map((group) => join(group, "..", "stray"));
    for (const group of stray) mkdirSync(group);
    const used = host.cgroupsOf(spec).map((group) => join(group, "..", "used"));
    const sleeper = spawn("sleep", ["1000"]);
    t.after(() => sleeper.kill());
    for (const group of used) {
      mkdirSync(group);
      writeFileSync(join(group, "cgroup.procs"), String(sleeper.pid));
    }
    const next = host.open();
    await next.adopt();
    await next.close();
    for (const group of stray) assert.throws(() => statSync(group), { code: "ENOENT" });
    for (const group of used) assert.ok(statSync(group));
    const ended = once(sleeper, "exit");
    sleeper.kill("SIGKILL");
    await ended;
    const last = host.open();
    await last.adopt();
    await last.close();
    for (const group of used) assert.throws(() => statSync(group), { code: "ENOENT" });
  },
);

real("a guest that outgrows its cgroup ends with the kernel's own count", async (desk) => {
  const { host, driver, spec, hear } = desk;
  await driver.start({ ...spec, boot: host.guest, paused: true });
  const group = host
    .cgroupsOf(spec)
    .find((path) => /\/memory\/|^\/sys\/fs\/cgroup\/[^/]+\/[^/]+$/.test(path));
  assert.ok(group);
  const isV1 = group.includes("/memory/");
  const limit = isV1 ? "memory.limit_in_bytes" : "memory.max";
  const used = Number(
    readFileSync(join(group, isV1 ? "memory.usage_in_bytes" : "memory.current"), "latin1"),
  );
  writeFileSync(join(group, limit), String(used + (16 << 20)));
  await driver.resume(spec);
  const told = await hear("exited");
  assert.ok(told.what === "exited");
  assert.deepEqual(told.exit.status, { signal: "SIGKILL" });
  assert.equal(told.exit.oomKills, 1);
});

real("a guest that panics is told, and ends with its last words", async (desk) => {
  const { host, driver, spec, hear } = desk;
  await driver.start({ ...spec, boot: host.guest });
  await hear("ready");
  const console = await driver.console(spec);
  console.write(Buffer.from("echo c > /proc/sysrq-trigger\n"));
  await hear("panicked");
  const told = await hear("exited");
  assert.ok(told.what === "exited");
  assert.deepEqual([told.exit.reason, told.exit.requested], ["guest-panic", false]);
  assert.ok(told.exit.consoleTail.some((line) => line.includes("Kernel panic")));
});

real("an error of the host's storage freezes the guest and is told once", async (desk) => {
  const { host, driver, spec, hear, t } = desk;
  const file = readerOfASpoiltSector(volumes(t));
  await driver.start({
    ...spec,
    disks: [{ id: "disk0", source: fileSource(file, "qcow2"), readOnly: false }],
  });
  const told = await hear("io-error");
  assert.ok(told.what === "io-error");
  assert.match(told.detail, /read on .*: Input\/output error/);
  const phase = (hypervisor: Hypervisor) =>
    hypervisor.list().map((view) => view.is === "running" && view.guest);
  assert.deepEqual(phase(driver), ["io-error"]);
  await driver.close();
  const next = host.open();
  await next.adopt();
  assert.deepEqual(phase(next), ["io-error"]);
  await next.close();
});

real("what the disk did is told after the end, also by an agent that came later", async (desk) => {
  const { host, driver, spec, hear, t } = desk;
  const file = readerOfASpoiltSector(volumes(t));
  await driver.start({
    ...spec,
    disks: [{ id: "disk0", source: fileSource(file, "qcow2"), readOnly: false }],
  });
  await hear("io-error");
  await driver.close();
  const next = host.open();
  await next.adopt();
  const exit = await next.stop(spec, atOnce);
  await next.close();
  const [error, stop] = exit.events;
  assert.deepEqual([error?.event, stop?.event], ["BLOCK_IO_ERROR", "STOP"]);
  const { action, operation, nospace } = JSON.parse(error?.detail ?? "");
  assert.deepEqual([action, operation, nospace], ["stop", "read", false]);
});

real("a disk that is cut under a guest is found by looking", async (desk) => {
  const { driver, spec, hear, t } = desk;
  const root = disk(volumes(t), "raw");
  await driver.start({ ...spec, disks: [root] });
  const cut = setInterval(() => {
    // Not before the first look; there is no way to tell when that was.
    truncateSync(root.file, statSync(root.file).size - 512);
  }, 1_000);
  t.after(() => clearInterval(cut));
  const told = await hear("io-error");
  clearInterval(cut);
  assert.ok(told.what === "io-error");
  assert.match(told.detail, /disk\.raw is cut: \d+ bytes before, \d+ now/);
  const exit = await driver.stop(spec, atOnce);
  assert.equal(exit.events.filter(({ event }) => event === "DISK_LOST").length, 1);
});

real("a host that was rebooted is told as such", async ({ host, driver, spec, t }) => {
  const bootIdFile = join(volumes(t), "boot-id");
  writeFileSync(bootIdFile, "another boot\n");
  await driver.start(spec);
  await host.kill(spec);
  const shim = parseStat(readFileSync(host.pathsOf(spec).started, "latin1"));
  while (shim && isAlive(shim)) await new Promise(setImmediate);
  await driver.close();
  for (const file of [host.pathsOf(spec).exit, host.pathsOf(spec).evidence])
    rmSync(file, { force: true });
  const later = qemuHypervisor({ ...host.options, bootIdFile });
  const [view] = await later.adopt();
  await later.close();
  assert.ok(view?.is === "exited");
  assert.equal(view.exit.status, "unrecorded");
  const told = view.exit.events.find(({ event }) => event === "HOST_REBOOTED");
  assert.equal(JSON.parse(told?.detail ?? "{}").to, "another boot");
});

real("the guard finds exactly the machines that could run elsewhere", async (desk) => {
  const { host, driver, spec } = desk;
  assert.deepEqual(await findFenceable(join(host.runDir, "nowhere")), []);
  const local = specOf();
  await driver.start({ ...spec, isFenceable: true });
  await driver.start(local);
  const [found, ...others] = await findFenceable(host.runDir);
  assert.ok(found);
  assert.deepEqual(others, []);
  assert.deepEqual(found.ref, { id: spec.id, generation: spec.generation });
  assert.deepEqual(found.process, {
    pid: host.processOf(spec).pid,
    startTicks: host.processOf(spec).startTicks,
  });
  await noteFenced(found.paths, { at: host.options.clock.now(), why: "lease-expired" });
  await noteFenced(found.paths, { at: host.options.clock.now(), why: "a later thought" });
  assert.equal((await readFenced(found.paths))?.why, "lease-expired", "the first note stays");
  assert.equal(killFenceable(found), true);
  while (found.process && isAlive(found.process)) await new Promise(setImmediate);
  assert.equal(killFenceable(found), false);
  assert.deepEqual(await findFenceable(host.runDir), []);
  assert.equal(driver.list(local.id)[0]?.is, "running");
});

real("a launch that is under way is found before it has a process", async ({ host, spec, t }) => {
  const paths = host.pathsOf(spec);
  mkdirSync(paths.vm, { recursive: true });
  const record = { name: "web", uid: 910_003, bootId: "x", at: host.options.clock.now() };
  await writeRecord(paths, { ...record, requestId: "", lent: [], isFenceable: true });
  assert.deepEqual(await findFenceable(host.runDir), [], "nobody has launched it");
  const shim = spawn("/bin/sh", ["-c", "read line", "shim", paths.dir]);
  const gone = once(shim, "exit");
  t.after(() => shim.kill("SIGKILL"));
  writeFileSync(paths.started, "");
  const [found] = await findFenceable(host.runDir);
  assert.deepEqual([found?.name, found?.process], ["web", undefined]);
  shim.kill("SIGKILL");
  await gone;
  assert.deepEqual(await findFenceable(host.runDir), []);
  rmSync(paths.instance, { recursive: true });
});

real("a console stays small while no agent is there", async ({ host, driver, spec }) => {
  const { consoleLog, consoleOld } = host.pathsOf(spec);
  await driver.start({ ...spec, paused: true });
  await driver.close();
  await boundConsoles(host.runDir, 1_000);
  assert.equal(statSync(consoleLog).size, 0);
  writeFileSync(consoleLog, `${"x".repeat(79)}\n`.repeat(100), { flag: "a" });
  await boundConsoles(host.runDir, 1_000);
  assert.deepEqual([statSync(consoleLog).size, statSync(consoleOld).size], [0, 1_000]);
  const next = host.open();
  await next.adopt();
  const kept = await next.consoleLog(spec, 100);
  await next.close();
  assert.ok(kept.length >= 12, String(kept.length));
});

/** A disk whose boot sector reads sector 128, which lies in a cluster that no reader can find. */
function readerOfASpoiltSector(dir: string): string {
  const [raw, file] = [join(dir, "disk.raw"), join(dir, "disk.qcow2")];
  const sectors = Buffer.alloc(256 * 512, 1);
  // xor ax,ax; mov ds,ax; mov ah,42h; mov dl,80h; mov si,7c10h; int 13h; jmp $; then what to read.
  const code = "31c08ed8b442b280be107ccd13ebfe00" + "10000100008000008000000000000000";
  Buffer.from(code, "hex").copy(sectors);
  sectors.writeUInt16LE(0xaa55, 510);
  writeFileSync(raw, sectors);
  execFileSync("qemu-img", ["convert", "-O", "qcow2", raw, file]);
  spoil(file, 1n);
  return file;
}

/** Points a cluster of a qcow2 image to where no cluster can be. */
function spoil(file: string, cluster: bigint): void {
  const fd = openSync(file, "r+");
  const number = Buffer.alloc(8);
  const read = (offset: bigint) => {
    readSync(fd, number, 0, 8, offset);
    return number.readBigUInt64BE();
  };
  const address = 0x00fffffffffffe00n;
  const entry = (read(read(40n)) & address) + 8n * cluster;
  number.writeBigUInt64BE((read(entry) & ~address) | 0x200n);
  writeSync(fd, number, 0, 8, Number(entry));
  closeSync(fd);
}
