/** The contract about warm starts, on the simulated hypervisor and on real QEMU; and the guest that everybody has. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { buildTiny, tinyFiles } from "../images/tiny/build.ts";
import { specOf } from "./contract.ts";
import { type WarmRig, warmContract } from "./contract-warm.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";

const stubborn = { kernel: "/simulated", initrd: "/simulated", commandLine: "stubborn" };

warmContract("simulated", async () => simulated());
warmContract("qemu", (t) => real(t));

test("qemu: a copy of tiny says its name, has its volume and the time, and leaves nothing of its waiting", async (t) => {
  const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");
  const tiny = join(cache, "tiny");
  const { commandLine } = await buildTiny({ directory: tiny, cache: join(cache, "packages") });
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const home = mkdtempSync(join(tmpdir(), "hf-warm-"));
  t.after(() => rmSync(home, { recursive: true }));
  chmodSync(home, 0o755);
  const template = join(home, "template");
  mkdirSync(template);
  const disk = join(home, "root.qcow2");
  const backing = ["-b", join(tiny, tinyFiles.disk), "-F", "qcow2"];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, disk]);
  const [kernel, initrd] = [join(tiny, tinyFiles.kernel), join(tiny, tinyFiles.initrd)];
  const boot = { kernel, initrd, commandLine };
  const { cpus } = specOf();
  const driver = host.open();
  try {
    const bytes = await driver.makeTemplate({ cpus, memoryMiB: 128, boot }, template, minutes(5));
    assert.ok(
      bytes < 66 << 20,
      `of what was used and is free again there is nothing in ${bytes} bytes`,
    );
    const spec = {
      ...{ ...specOf(), memoryMiB: 128, boot, template },
      disks: [{ id: "root", source: fileSource(disk, "qcow2"), readOnly: false }],
      metadata: {
        ...{ "instance-id": "0192-abc", hostname: "web-1", "request-id": "req-7" },
        "user-data": "#!/bin/sh\necho now=$(date +%s)\n",
      },
    };
    await driver.start(spec);
    const says = async (words: RegExp) => {
      for (;;) {
        const lines = (await driver.consoleLog(spec, 50)).map(({ text }) => text);
        const found = lines.map((line) => words.exec(line)).find(Boolean);
        if (found) return found;
        await host.aMoment();
      }
    };
    await says(/metadata instance-id=0192-abc hostname=web-1 request-id=req-7/);
    await says(/holdfast: boot 1$/);
    await says(/holdfast: ready/);
    const [, now] = await says(/now=(\d+)$/);
    const late = Date.now() / 1_000 - Number(now);
    assert.ok(late > -2 && late < 60, "the time is not the template's");
    await says(/user-data exit 0/);
    const said = (await driver.consoleLog(spec, 50)).map(({ text }) => text).join("\n");
    assert.doesNotMatch(said, /Terminated|error|can't|not found/);
    await driver.stop(spec, { acpi: minutes(1), terminate: milliseconds(0), kill: seconds(20) });
    await driver.forget(spec);
  } finally {
    await driver.close();
  }
});

function simulated(): WarmRig {
  const rig = simulatedRig();
  rig.world.waitsForItsName = ({ boot }) => boot.commandLine !== stubborn.commandLine;
  let made = 0;
  return {
    ...rig,
    stubborn,
    directory: () => `/templates/${++made}`,
    spoil: (directory) => void rig.world.templates.set(directory, "spoilt"),
  };
}

async function real(t: TestContext): Promise<WarmRig> {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  return {
    ...host,
    // Its own program is not there, so its kernel waits for a disk for ever.
    stubborn: {
      ...host.guest,
      commandLine: "console=ttyS0 quiet rdinit=/none rootwait root=/dev/none",
    },
    directory() {
      const directory = mkdtempSync(join(tmpdir(), "hf-warm-"));
      t.after(() => rmSync(directory, { recursive: true }));
      return directory;
    },
    spoil(directory) {
      for (const name of readdirSync(directory)) truncateSync(join(directory, name), 100_000);
    },
  };
}
