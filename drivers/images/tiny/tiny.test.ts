import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { seconds } from "@holdfast/kernel/time";
import { buildTiny, findTiny, type TinyManifest, tinyFiles } from "./build.ts";
import { dependencyIndex } from "./modules.ts";
import { runner } from "./run.ts";

const run = promisify(execFile);
const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");
const directory = join(cache, "tiny");
const packages = join(cache, "packages");

let scratch: string;
let tiny: TinyManifest;
const guests = new Set<ChildProcess>();
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "holdfast-tiny-"));
  tiny = await buildTiny({ directory, cache: packages });
});
after(async () => {
  await Promise.all([...guests].map(end));
  await rm(scratch, { recursive: true, force: true });
});

test("the same packages give the same bytes, and what is built is not built again", async () => {
  const elsewhere = join(scratch, "elsewhere");
  assert.deepEqual(await buildTiny({ directory: elsewhere, cache: packages }), tiny);
  const built = (await stat(join(directory, "manifest.json"))).mtimeMs;
  const steps: string[] = [];
  await buildTiny({ directory, cache: packages, onStep: (step) => steps.push(step) });
  assert.deepEqual(steps, ["ask apt for the packages"]);
  assert.equal((await stat(join(directory, "manifest.json"))).mtimeMs, built);
});

test("a part that was changed after it was built is found out", async () => {
  const copy = join(scratch, "copy");
  await cp(directory, copy, { recursive: true });
  assert.deepEqual(await findTiny({ directory: copy }), tiny);
  await chmod(join(copy, tinyFiles.disk), 0o600);
  await truncate(join(copy, tinyFiles.disk), 100);
  assert.equal(await findTiny({ directory: copy }), undefined);
  assert.equal(await findTiny({ directory: join(scratch, "nothing-here") }), undefined);
});

test("a guest reads its metadata, runs its user data, serves HTTP and obeys the power button", async () => {
  const disk = await overlay("first");
  const guest = boot(disk, {
    "instance-id": "0192-abc",
    hostname: "web-1",
    "request-id": "req-7",
    "user-data": "#!/bin/sh\necho user data of $(hostname) wc $(wc -c <$0)\nexit 3\n",
  });
  await guest.says("holdfast: userland");
  await guest.says("holdfast: metadata instance-id=0192-abc hostname=web-1 request-id=req-7");
  await guest.says("holdfast: boot 1");
  await guest.says("holdfast: network eth0 10.0.2.15/24 mtu 1500");
  await guest.says("holdfast: ready");
  await guest.says("user data of web-1 wc 63");
  await guest.says("holdfast: user-data exit 3");

  const address = `http://127.0.0.1:${await guest.httpPort()}`;
  assert.match(await page(address), /<h1>web-1<\/h1>.*0192-abc/s);
  assert.match(await page(`${address}/cgi-bin/metrics`), /^tiny_uptime_seconds \d+\.\d+$/m);

  guest.type("echo $((6 * 7)) is the answer\n");
  await guest.says("42 is the answer");
  guest.type("echo id=$(cat /run/holdfast/instance-id); echo kept >/data/note\n");
  await guest.says("id=0192-abc");
  await guest.press();
  assert.equal(await guest.exited, 0);
  assert.match(guest.output(), /holdfast: power button/);

  const again = boot(disk, {});
  await again.says("holdfast: boot 2");
  await again.says("holdfast: ready");
  again.type("cat /data/note; poweroff\n");
  await again.says("kept");
  assert.equal(await again.exited, 0, "poweroff typed in the guest ends it as well");
  const checked = await run("qemu-img", ["check", "-f", "qcow2", disk]);
  assert.match(checked.stdout, /No errors/);
});

test("a guest with no disk, no network and no metadata is ready too, in 96 MiB", async () => {
  const guest = boot(undefined, { "user-data": "not a script" }, 96);
  await guest.says("holdfast: metadata instance-id= hostname=tiny request-id=");
  await guest.says("holdfast: ready");
  guest.type("until lsmod | grep -q virtio_rng; do sleep 0.1; done; echo late=$((1 + 1))\n");
  await guest.says("late=2");
  assert.doesNotMatch(guest.output(), /user-data|network|boot \d|not found|can't/);
  await guest.press();
  assert.equal(await guest.exited, 0);
});

test("a guest can be hurt on purpose: it outlives one program, not a hang, and a panic ends it", async () => {
  const guest = boot(undefined, {});
  await guest.says("holdfast: ready");
  guest.type("until pidof watchdog; do sleep 0.1; done; echo fed=$((1 + 1))\n");
  await guest.says("fed=2");
  guest.type("holdfast-hurt memory; echo alive=$((1 + 1))\n");
  await guest.says("Out of memory: Killed process");
  await guest.says("alive=2");
  guest.type("holdfast-hurt nonsense\n");
  await guest.says("usage: holdfast-hurt");
  const began = performance.now();
  guest.type("holdfast-hurt hang\n");
  // This QEMU resets what its watchdog finds hanging.
  await guest.says("holdfast: userland", 2);
  assert.ok(performance.now() - began > 7_000, "it may miss some meals without being ill");
  await guest.says("holdfast: ready", 2);
  guest.type("holdfast-hurt memory-panic\n");
  await guest.says("Kernel panic - not syncing: Out of memory");
  assert.equal(await guest.exited, 0, "pvpanic has told QEMU");
});

test("a step that fails says which it was and what to type", async () => {
  const step = runner(seconds(10));
  await assert.rejects(step("make the disk", ["qemu-img", "no-such-command"], "Type this."), {
    code: "tiny_build_failed",
    message: /"make the disk" failed\. .*no-such-command/,
    details: { fix: "Type this.", facts: { step: "make the disk" } },
  });
  await assert.rejects(step("pack", ["no-such-program"], "Type this."), {
    code: "tiny_build_failed",
    message: /no-such-program is not installed/,
  });
  await assert.rejects(runner(seconds(0.05))("wait", ["sleep", "100"], "Type this."), {
    message: /longer than 0.05 seconds/,
  });
  const broken = { directory: join(scratch, "broken"), cache: packages, rootfs: "/nowhere" };
  await assert.rejects(buildTiny(broken), { code: "tiny_build_failed" });
});

test("modules are listed with all that they need, the first to be loaded last", () => {
  const module = (name: string, ...needs: string[]) => ({ name, needs, content: Buffer.alloc(0) });
  const index = dependencyIndex([
    module("ring"),
    module("bus", "ring"),
    module("disk", "bus", "ring"),
  ]);
  assert.equal(index, "ring.ko:\nbus.ko: ring.ko\ndisk.ko: bus.ko ring.ko\n");
});

async function overlay(name: string): Promise<string> {
  const file = join(scratch, name);
  const backing = join(directory, tinyFiles.disk);
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", file]);
  return file;
}

/** A guest on plain QEMU: its serial console is stdin and stdout, its monitor a socket. */
function boot(disk: string | undefined, metadata: Readonly<Record<string, string>>, memory = 128) {
  const monitor = join(scratch, `monitor-${guests.size}`);
  const part = (name: keyof typeof tinyFiles) => join(directory, tinyFiles[name]);
  const qemu = spawn("qemu-system-x86_64", [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-cpu", "max"],
    ...["-accel", "tcg,tb-size=64", "-m", `${memory}`, "-serial", "stdio"],
    ...["-kernel", part("kernel"), "-initrd", part("initrd"), "-append", tiny.commandLine],
    ...["-monitor", `unix:${monitor},server=on,wait=off`],
    ...["pvpanic-pci", "i6300esb", "virtio-rng-pci"].flatMap((device) => ["-device", device]),
    ...Object.entries(metadata).flatMap(([key, value]) => [
      "-fw_cfg",
      `name=opt/holdfast/${key},string=${value.replaceAll(",", ",,")}`,
    ]),
    ...(disk
      ? [
          ...["-blockdev", `qcow2,node-name=root,file.driver=file,file.filename=${disk}`],
          ...["-device", "virtio-blk-pci,drive=root"],
          ...["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:80"],
          ...["-device", "virtio-net-pci,netdev=net,romfile="],
        ]
      : []),
  ]);
  guests.add(qemu);
  let heard = "";
  qemu.stdout.on("data", (bytes) => {
    heard += bytes;
  });
  qemu.stderr.on("data", (bytes) => {
    heard += bytes;
  });
  const exited = once(qemu, "exit").then(([code]) => code);

  /** Waits for the guest, for two minutes at most: then it is stuck, and this shows where. */
  async function says(what: string, times = 1): Promise<void> {
    const isHeard = () => heard.split(what).length > times;
    const timer = setTimeout(() => qemu.kill("SIGKILL"), 120_000);
    while (!isHeard()) {
      const ended = exited.then(() => "ended");
      if ((await Promise.race([once(qemu.stdout, "data"), ended])) === "ended") break;
    }
    clearTimeout(timer);
    assert.ok(isHeard(), `the guest never said "${what}":\n${heard}`);
  }

  async function order(command: string): Promise<string> {
    const socket = connect(monitor);
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes;
      if (answer.includes("(qemu)") && !socket.writableEnded) socket.end(`${command}\n`);
    });
    await once(socket, "close");
    return answer;
  }

  return {
    says,
    exited,
    output: () => heard,
    type: (line: string) => qemu.stdin.write(line),
    press: () => order("system_powerdown"),
    async httpPort(): Promise<number> {
      const port = /HOST_FORWARD\S*\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(await order("info usernet"));
      return Number(port?.[1]);
    },
  };
}

async function page(address: string): Promise<string> {
  const response = await fetch(address);
  assert.equal(response.status, 200);
  return response.text();
}

async function end(guest: ChildProcess): Promise<void> {
  if (guest.exitCode !== null || guest.signalCode !== null) return;
  guest.kill("SIGKILL");
  await once(guest, "exit");
}
