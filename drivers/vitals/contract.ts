/**
 * What every source of vitals promises, as tests: each misfortune shows up in the reading, in its own
 * place and no other, and is judged right.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { concernsOf } from "./concerns.ts";
import type { VitalSigns } from "./driver.ts";

/** One healthy host with a sensor of 85 °C, two supplies, a disk, a memory controller and a kept clock. */
export interface VitalsRig {
  readonly signs: VitalSigns;
  heat(celsius: number): Promise<void>;
  /** One of the two supplies gives no power any more. */
  unplug(): Promise<void>;
  /** The disk says that it is failing. */
  wearOut(): Promise<void>;
  /** The disk has replaced so many sectors in all. */
  reallocate(sectors: number): Promise<void>;
  /** The kernel gives the disk up. */
  loseDisk(): Promise<void>;
  memoryErrors(corrected: number, uncorrected: number): Promise<void>;
  /** Positive: the clock is ahead. Milliseconds. */
  skew(milliseconds: number): Promise<void>;
  /** It has no sensors, tools or counters of any kind. */
  strip(): Promise<void>;
}

export function vitalsContract(
  name: string,
  makeRig: (t: TestContext) => Promise<VitalsRig>,
): void {
  const promise = (what: string, body: (rig: VitalsRig) => Promise<void>) =>
    void test(`${name}: ${what}`, async (t) => body(await makeRig(t)));
  const codes = async ({ signs }: VitalsRig) =>
    concernsOf(await signs.read()).map(({ code, severity }) => `${code} ${severity}`);

  promise("a healthy host tells everything and is no concern", async (rig) => {
    const vitals = await rig.signs.read();
    assert.deepEqual(vitals.unavailable, []);
    assert.equal(vitals.temperatures.length, 1);
    assert.equal(vitals.powerSupplies.length, 2);
    assert.deepEqual([vitals.disks[0]?.isReachable, vitals.disks[0]?.hasPassed], [true, true]);
    assert.equal(vitals.memory.length, 1);
    assert.equal(vitals.clock?.isSynchronized, true);
    assert.deepEqual(concernsOf(vitals), []);
  });

  promise("heat is measured against the sensor's own limits", async (rig) => {
    await rig.heat(84.5);
    assert.deepEqual(await codes(rig), []);
    await rig.heat(85);
    assert.deepEqual(await codes(rig), ["hot warning"]);
    await rig.heat(101);
    assert.deepEqual(await codes(rig), ["hot critical"]);
  });

  promise("a supply without power is a concern while the other one holds", async (rig) => {
    await rig.unplug();
    assert.deepEqual(await codes(rig), ["power-degraded warning"]);
  });

  promise("a disk that says it is failing, and one that is gone, are told", async (rig) => {
    await rig.wearOut();
    assert.deepEqual(await codes(rig), ["disk-failing critical"]);
    await rig.loseDisk();
    const [disk] = (await rig.signs.read()).disks;
    assert.equal(disk?.isReachable, false);
  });

  promise("replaced sectors are a concern only while they grow in number", async (rig) => {
    await rig.reallocate(8);
    const before = await rig.signs.read();
    assert.deepEqual(concernsOf(before), []);
    assert.deepEqual(concernsOf(await rig.signs.read(), before), []);
    await rig.reallocate(9);
    const [concern] = concernsOf(await rig.signs.read(), before);
    assert.equal(concern?.code, "disk-failing");
    assert.match(concern.detail, /1 more/);
  });

  promise("memory errors that were corrected count by the day, others at once", async (rig) => {
    await rig.memoryErrors(3, 0);
    const before = await rig.signs.read();
    await rig.memoryErrors(12, 0);
    assert.deepEqual(concernsOf(await rig.signs.read(), before), []);
    await rig.memoryErrors(13, 0);
    const [many] = concernsOf(await rig.signs.read(), before);
    assert.deepEqual([many?.code, many?.severity], ["memory-errors", "warning"]);
    await rig.memoryErrors(13, 1);
    assert.deepEqual(await codes(rig), ["memory-errors critical"]);
  });

  promise("a clock's offset keeps its sign and grows into a concern", async (rig) => {
    await rig.skew(-499);
    assert.deepEqual(await codes(rig), []);
    await rig.skew(-600);
    const [concern] = concernsOf(await rig.signs.read());
    assert.match(concern?.detail ?? "", /600 ms behind/);
    await rig.skew(6_000);
    assert.deepEqual(await codes(rig), ["clock-skewed critical"]);
  });

  promise("a host that can tell nothing says so, and is not called healthy or ill", async (rig) => {
    await rig.strip();
    const vitals = await rig.signs.read();
    assert.deepEqual(vitals.unavailable, ["temperature", "power", "disk", "memory", "clock"]);
    assert.deepEqual(concernsOf(vitals), []);
  });
}
