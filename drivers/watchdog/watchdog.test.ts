/** Every watchdog against its contract: the kernel's with files in its place, the twin as it is. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@holdfast/kernel/time";
import { type WatchdogRig, watchdogContract } from "./contract.ts";
import { deviceWatchdog } from "./device.ts";
import { noWatchdog, type Watchdog } from "./driver.ts";
import { watchdogTwin } from "./simulated.ts";
import { socketWatchdog } from "./socket.ts";

watchdogContract("the kernel's", async (t) => deviceRig(t));
watchdogContract("simulated", async (t) => twinRig(t));

test("none: never claims to be armed", async () => {
  await noWatchdog.arm(milliseconds(10_000));
  assert.deepEqual([noWatchdog.isArmed(), noWatchdog.kind], [false, "none"]);
});

test("the kernel's: told apart by what the driver calls itself", (t) => {
  const kind = (identity: string | null) => deviceRig(t, { identity }).open().kind;
  assert.equal(kind("Software Watchdog"), "software");
  assert.equal(kind("i6300ESB timer"), "hardware");
  assert.equal(kind("iTCO_wdt"), "hardware");
  assert.equal(kind(null), "software"); // Unknown is the weaker promise.
});

test("the kernel's: the time is the device's own, not the one that was asked for", async (t) => {
  const rig = deviceRig(t, { timeout: "60" });
  assert.equal(await rig.open().arm(milliseconds(10_000)), 60_000);
});

test("the kernel's: one that does not say its time is not even opened", async (t) => {
  const rig = deviceRig(t, { timeout: null });
  await assert.rejects(rig.open().arm(milliseconds(10_000)), { code: "watchdog_unusable" });
  assert.equal(rig.isCounting(), false);
});

test("the kernel's: with nowayout it stays armed and says so", async (t) => {
  const watchdog = deviceRig(t, { nowayout: "1" }).open();
  await watchdog.arm(milliseconds(10_000));
  await assert.rejects(watchdog.disarm(), { code: "watchdog_stays_armed" });
  assert.equal(watchdog.isArmed(), true);
});

test("the kernel's: a missing device is named", async (t) => {
  const rig = deviceRig(t);
  rmSync(rig.device);
  await assert.rejects(rig.open().arm(milliseconds(10_000)), { code: "watchdog_missing" });
});

test("simulated: fires when nobody pets it, once, and is idle then", async (t) => {
  let fires = 0;
  const { path } = await twinRig(t, () => {
    fires += 1;
  });
  const watchdog = socketWatchdog(path);
  t.after(() => watchdog.close());
  await watchdog.arm(milliseconds(20));
  await until(() => fires === 1);
  watchdog.pet();
  await until(() => !watchdog.isArmed());
  assert.equal(fires, 1);
});

test("simulated: a guard that vanishes does not stop it", async (t) => {
  let fires = 0;
  const { path } = await twinRig(t, () => {
    fires += 1;
  });
  const watchdog = socketWatchdog(path);
  await watchdog.arm(milliseconds(50));
  watchdog.close();
  await until(() => fires === 1);
});

test("simulated: after its machine room was restarted it is not armed until somebody says so", async (t) => {
  const folder = temporary(t);
  const path = join(folder, "watchdog");
  const first = await watchdogTwin(path, () => {});
  const watchdog = socketWatchdog(path);
  t.after(() => watchdog.close());
  await watchdog.arm(milliseconds(10_000));
  await first.close();
  await until(() => !watchdog.isArmed());
  await assert.rejects(watchdog.arm(milliseconds(10_000)), { code: "watchdog_silent" });
  const second = await watchdogTwin(path, () => {});
  t.after(() => second.close());
  await until(() =>
    watchdog.arm(milliseconds(10_000)).then(
      () => true,
      () => false,
    ),
  );
  assert.equal(second.isArmed(), true);
});

/** The bytes that a kernel would have got, in a file. A close without a `V` before it leaves it counting. */
function deviceRig(
  t: TestContext,
  {
    identity = "i6300ESB timer",
    timeout = "10",
    nowayout = "0",
  }: { identity?: string | null; timeout?: string | null; nowayout?: string } = {},
): WatchdogRig & { readonly device: string } {
  const folder = temporary(t);
  const device = join(folder, "watchdog0.dev", "watchdog0");
  mkdirSync(join(folder, "watchdog0.dev"));
  mkdirSync(join(folder, "watchdog0"));
  const facts = { identity, timeout, nowayout };
  for (const [name, text] of Object.entries(facts))
    if (text !== null) writeFileSync(join(folder, "watchdog0", name), `${text}\n`);
  writeFileSync(device, "");
  const bytes = () => readFileSync(device, "latin1");
  return {
    device,
    open: () => closing(t, deviceWatchdog(device, folder)),
    isCounting: () => bytes().length > 0 && !bytes().endsWith("V"),
    async petted() {
      const before = bytes().length;
      await until(() => bytes().length > before);
    },
  };
}

async function twinRig(
  t: TestContext,
  onFire = () => {},
): Promise<WatchdogRig & { readonly path: string }> {
  const path = join(temporary(t), "watchdog");
  const twin = await watchdogTwin(path, onFire);
  t.after(() => twin.close());
  return {
    path,
    open: () => closing(t, socketWatchdog(path)),
    isCounting: () => twin.isArmed(),
    petted: async () => {
      const before = twin.pets();
      await until(() => twin.pets() > before);
    },
  };
}

function closing(t: TestContext, watchdog: Watchdog): Watchdog {
  t.after(() => watchdog.close());
  return watchdog;
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hf-wd-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error("it never came true");
    await sleep(5);
  }
}
