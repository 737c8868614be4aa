/**
 * What every watchdog promises, as tests. Run it on each implementation; see watchdog.test.ts.
 *
 * `none` passes a shorter suite: it promises only that it never claims to be armed.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { milliseconds } from "@holdfast/kernel/time";
import type { Watchdog } from "./driver.ts";

/** One host with a watchdog. */
export interface WatchdogRig {
  /** Opens it as a guard does, and as its successor does. Closed at the end of the test. */
  open(): Watchdog;
  /** Whether the watchdog itself would fire, whatever a driver believes. */
  isCounting(): boolean;
  /** Resolves when it has been petted since this was called. */
  petted(): Promise<void>;
}

const time = milliseconds(10_000);

export function watchdogContract(
  name: string,
  makeRig: (t: TestContext) => Promise<WatchdogRig>,
): void {
  const promise = (what: string, body: (rig: WatchdogRig) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => body(await makeRig(t)));

  promise("opening a driver arms nothing, and what is not armed cannot be petted", async (rig) => {
    const watchdog = rig.open();
    assert.equal(watchdog.isArmed(), false);
    assert.equal(rig.isCounting(), false);
    watchdog.pet();
    await watchdog.disarm();
    assert.equal(rig.isCounting(), false);
  });

  promise("arming makes it count and says how long it really has", async (rig) => {
    const watchdog = rig.open();
    assert.equal(await watchdog.arm(time), time);
    assert.deepEqual([watchdog.isArmed(), rig.isCounting()], [true, true]);
  });

  promise("arming again is fine", async (rig) => {
    const watchdog = rig.open();
    await watchdog.arm(time);
    assert.equal(await watchdog.arm(time), time);
    assert.equal(watchdog.isArmed(), true);
  });

  promise("a pet arrives", async (rig) => {
    const watchdog = rig.open();
    await watchdog.arm(time);
    const petted = rig.petted();
    assert.equal(watchdog.pet(), true);
    await petted;
  });

  promise("disarming stops it, twice as well as once", async (rig) => {
    const watchdog = rig.open();
    await watchdog.arm(time);
    await watchdog.disarm();
    await watchdog.disarm();
    assert.deepEqual([watchdog.isArmed(), rig.isCounting()], [false, false]);
  });

  promise("letting go does not disarm it, and a successor goes on", async (rig) => {
    const first = rig.open();
    await first.arm(time);
    first.close();
    assert.equal(rig.isCounting(), true);
    assert.equal(first.pet(), false);
    const second = rig.open();
    await second.arm(time);
    const petted = rig.petted();
    second.pet();
    await petted;
    await second.disarm();
    assert.equal(rig.isCounting(), false);
  });
}
