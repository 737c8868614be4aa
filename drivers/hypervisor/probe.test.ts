/** With programs that play QEMU; the real one is asked once by `holdfast up`. Needs root. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { milliseconds, type seconds } from "@holdfast/kernel/time";
import { probeAcceleration } from "./probe.ts";

/** A QEMU that has a version and otherwise does as `script` says; it counts how often it is run. */
function host(t: TestContext, script: string) {
  const dir = mkdtempSync(join(tmpdir(), "hf-probe-"));
  t.after(() => rmSync(dir, { recursive: true }));
  chmodSync(dir, 0o777);
  const binary = join(dir, "qemu");
  const runs = join(dir, "runs");
  const install = (version: string) => {
    const head = `#!/bin/sh\n[ "$1" = --version ] && { echo ${version}; exit; }\n`;
    writeFileSync(binary, `${head}echo run >> ${runs}\n${script}\n`, { mode: 0o755 });
  };
  install("7.2");
  writeFileSync(runs, "");
  chmodSync(runs, 0o666);
  const guest = { kernel: "/k", initrd: "/i", commandLine: "console=ttyS0" };
  const options = { guest, remember: join(dir, "probe.json"), uid: 910_100, binary };
  return {
    install,
    runs: () => readFileSync(runs, "utf8").split("run").length - 1,
    probe: (more: { deadline?: ReturnType<typeof seconds>; device?: string } = {}) =>
      probeAcceleration({ ...options, device: "/dev/null", ...more }),
  };
}

test("a guest whose userland speaks proves KVM, once", async (t) => {
  const { probe, runs } = host(t, "echo booting; echo '[1.0] holdfast: ready'; exec sleep 1000");
  assert.equal((await probe()).kind, "kvm");
  assert.equal((await probe()).kind, "kvm");
  assert.equal(runs(), 1);
});

test("it is asked again when QEMU changes", async (t) => {
  const { probe, runs, install } = host(t, "echo 'holdfast: ready'; exec sleep 1000");
  await probe();
  install("8.0");
  await probe();
  assert.equal(runs(), 2);
});

test("a KVM that hangs its guest is found out at the deadline", async (t) => {
  const { probe } = host(t, "echo 'Booting the kernel.'; exec sleep 1000");
  const { kind, reason } = await probe({ deadline: milliseconds(100) });
  assert.equal(kind, "tcg");
  assert.match(reason, /probe guest did not boot: it said nothing within 0.1 s/);
});

test("a KVM that aborts is found out at once, in QEMU's words", async (t) => {
  const { probe } = host(
    t,
    "echo 'qemu-system-x86_64: error: failed to set MSR 0x10a' >&2; exit 1",
  );
  assert.deepEqual(await probe(), {
    kind: "tcg",
    reason: "KVM is present but the probe guest did not boot: error: failed to set MSR 0x10a.",
  });
});

test("without the device nothing is tried", async (t) => {
  const { probe, runs } = host(t, "exit 1");
  const answer = await probe({ device: "/nowhere/kvm" });
  assert.deepEqual(answer, { kind: "tcg", reason: "This host has no /nowhere/kvm." });
  assert.equal(runs(), 0);
});

test("a host without QEMU is told so", async () => {
  const guest = { kernel: "/k", initrd: "/i", commandLine: "" };
  const asked = probeAcceleration({
    guest,
    remember: "/nowhere/x",
    uid: 1,
    binary: "/nowhere/qemu",
  });
  await assert.rejects(asked, { code: "qemu_missing" });
});
