/**
 * The Debian image as users get it: built from packages, started by its own boot loader on a real QEMU, told who
 * it is by the platform and its copy by a seed, and switched off by its power button.
 *
 * The build takes a minute or more of a processor, so what it made is kept for the next run, until the recipe
 * changes. Without a network: what the guest knows it has from the firmware.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { buildDebian, debianFile, findDebian } from "@holdfast/drivers/images/debian";
import { fileSource } from "@holdfast/kernel/block";
import { minutes, seconds } from "@holdfast/kernel/time";
import { specOf } from "../../drivers/hypervisor/contract.ts";
import type { MachineEvent, MachineSpec } from "../../drivers/hypervisor/driver.ts";
import { fixtureHost } from "../../drivers/hypervisor/fixture-host.ts";

const run = promisify(execFile);
const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");
const directory = join(cache, "debian-12");

const userData = `#cloud-config
write_files:
  - path: /etc/written-by-user-data
    content: as it was asked for
`;

test("a Debian that was built here boots from its disk, knows who it is, obeys, and is another one on a copy", async (t) => {
  const since = performance.now();
  const took = () => `${((performance.now() - since) / 1_000).toFixed(1)} s`;
  if (!(await findDebian({ directory })))
    await buildDebian({ directory, onStep: (step) => t.diagnostic(`${took()}: ${step}`) });
  t.diagnostic(`${took()}: the image is there`);

  const host = await fixtureHost(t, cache);
  const driver = host.open();
  const spec = {
    ...specOf(),
    memoryMiB: 512,
    boot: "firmware",
    disks: [{ id: "root", source: fileSource(await overlay(t), "qcow2"), readOnly: false }],
    metadata: { "instance-id": "0192-abc", hostname: "web-1", "user-data": userData },
  } as const;
  try {
    const { says, end } = await boot(spec);
    assert.equal(await says("cat /etc/written-by-user-data"), "as it was asked for");
    assert.equal(await says("hostname; cat /etc/hostname"), "web-1\nweb-1");
    assert.equal(await says("systemctl is-active ssh qemu-guest-agent"), "active\nactive");
    assert.equal(await says("cat /etc/machine-id"), spec.id.replaceAll("-", ""));
    assert.match(await says("ls /etc/ssh/ssh_host_*_key"), /ed25519/);
    assert.equal(
      await says("cat /sys/class/watchdog/watchdog0/identity /sys/class/watchdog/watchdog0/state"),
      "i6300ESB timer\nactive",
      "systemd feeds the hypervisor's watchdog",
    );
    assert.match(await says("lsmod"), /^pvpanic_pci/m);
    const megabytes = Number(await says("df --output=size -BM / | tail -n 1 | tr -dc 0-9"));
    assert.ok(megabytes > 3_500, `the file system has grown with its disk: ${megabytes} MB`);
    assert.equal(await says("ls /var/log/journal"), await says("cat /etc/machine-id"));
    const keys = await says("cat /etc/ssh/ssh_host_*_key.pub");
    await end();

    // As after a copy of its disk: a restored backup, or an image that was made from it.
    const other = {
      ...spec,
      id: randomUUID() as typeof spec.id,
      metadata: {},
      seed: {
        "meta-data": JSON.stringify({ "instance-id": "0192-def", "local-hostname": "web-2" }),
        "user-data": userData.replace("as it was asked for", "as the seed says"),
      },
    };
    const copy = await boot(other);
    assert.equal(await copy.says("cat /etc/machine-id"), other.id.replaceAll("-", ""));
    assert.equal(await copy.says("cloud-id; hostname"), "nocloud\nweb-2");
    assert.equal(await copy.says("cat /etc/written-by-user-data"), "as the seed says");
    assert.notEqual(await copy.says("cat /etc/ssh/ssh_host_*_key.pub"), keys);
    await copy.end();
  } finally {
    await driver.close();
    const cleaner = host.open();
    for (const view of await cleaner.adopt()) {
      const atOnce = { acpi: seconds(0), terminate: seconds(0), kill: seconds(20) };
      if (view.is === "running") await cleaner.stop(view, atOnce);
      await cleaner.forget(view);
    }
    await cleaner.close();
  }
  assert.deepEqual(await host.leftovers(), []);

  async function boot(machine: MachineSpec) {
    const settled = new Promise<MachineEvent["what"]>((resolve) => {
      driver.onEvent(({ what }) => {
        if (what === "ready" || what === "exited") resolve(what);
      });
    });
    const started = performance.now();
    await driver.start(machine);
    assert.equal(await settled, "ready");
    t.diagnostic(`ready ${((performance.now() - started) / 1_000).toFixed(1)} s after its start`);
    const guest = await guestShell(host.pathsOf(machine).agent);
    return {
      says: async (command: string) => (await guest.sh(command)).trim(),
      async end(): Promise<void> {
        guest.close();
        const ladder = { acpi: minutes(3), terminate: seconds(20), kill: seconds(20) };
        const exit = await driver.stop(machine, ladder);
        assert.equal(exit.reason, "guest-shutdown", exit.consoleTail.join("\n"));
      },
    };
  }
});

/** A disk of 4 GiB that begins as the image. */
async function overlay(t: TestContext): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), "holdfast-debian-"));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  await chmod(scratch, 0o711); // QEMU runs as nobody in particular.
  const file = join(scratch, "root.qcow2");
  const backing = ["-b", join(directory, debianFile), "-F", "qcow2"];
  await run("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, file, "4G"]);
  return file;
}

/** Runs commands inside of a guest, through its agent. */
async function guestShell(path: string) {
  const socket = connect(path);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  async function ask<T>(execute: string, more: object): Promise<T> {
    socket.write(`${JSON.stringify({ execute, arguments: more })}\n`);
    const { value } = await lines.next();
    // What an earlier question was told may still be there, and begins with this mark.
    const reply = JSON.parse(String(value).replace(/^\ufffd/, ""));
    assert.ok("return" in reply, `${execute}: ${value}`);
    return reply.return as T; // As the agent's protocol has it.
  }
  interface Status {
    readonly exited: boolean;
    readonly "out-data"?: string;
  }
  return {
    async sh(command: string): Promise<string> {
      const program = { path: "/bin/sh", arg: ["-c", command], "capture-output": true };
      const { pid } = await ask<{ pid: number }>("guest-exec", program);
      for (;;) {
        const status = await ask<Status>("guest-exec-status", { pid });
        if (status.exited) return Buffer.from(status["out-data"] ?? "", "base64").toString();
        await sleep(100); // Nobody announces it.
      }
    },
    close: () => void socket.destroy(),
  };
}
