/** What a host is told to be worried about, reading by reading. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Concern } from "@holdfast/drivers/vitals/concerns";
import { simulatedHost, simulatedVitals } from "@holdfast/drivers/vitals/simulated";
import { type Clock, type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Known, stillWorrying, vitalWatch } from "./vital-watch.ts";

const hot = (celsius: number, severity: Concern["severity"] = "warning"): Concern => ({
  code: "hot",
  severity,
  about: "cpu",
  detail: `cpu is at ${celsius} °C, its limit is 85 °C.`,
});
const said = (known: readonly Known[]) => known.map(({ says }) => says);
const after = (...readings: readonly (readonly Concern[])[]) =>
  said(readings.reduce<readonly Known[]>(stillWorrying, []));

test("a worry is said as it was first read, for as long as it lasts", () => {
  assert.deepEqual(after([hot(86)], [hot(88)], [hot(87)]), ["cpu is at 86 °C, its limit is 85 °C"]);
});

test("one reading without it is not the end of a worry, three in a row are", () => {
  assert.equal(after([hot(86)], [], []).length, 1);
  assert.equal(after([hot(86)], [], [], [hot(86)], [], []).length, 1);
  assert.deepEqual(after([hot(86)], [], [], []), []);
});

test("a worry that becomes worse is said anew, and the lesser one goes in its time", () => {
  const worse = hot(101, "critical");
  assert.equal(after([hot(86)], [worse]).length, 2);
  assert.deepEqual(after([hot(86)], [worse], [worse], [worse]), [
    "cpu is at 101 °C, its limit is 85 °C",
  ]);
});

/** A host, its clock, and a watch that reads as fast as it can. */
function watching(t: TestContext) {
  const host = simulatedHost();
  let now = 1_000_000;
  let readings = 0;
  const clock: Clock = { now: () => now as Instant, sleep: async () => {} };
  const signs = simulatedVitals(host, clock);
  const watch = vitalWatch({
    signs: {
      async read() {
        readings += 1;
        if (host.temperatures.length === 0) throw new Error("nobody can tell");
        return signs.read();
      },
    },
    clock,
    every: milliseconds(1),
    log: () => {},
  });
  t.after(watch.close);
  return {
    host,
    watch,
    pass: (hours: number) => {
      now += hours * 60 * 60 * 1_000;
    },
    async readings(count: number) {
      const enough = readings + count;
      while (readings < enough) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

test("sectors that were replaced since yesterday are a worry, and the same number a day later is none", async (t) => {
  const { host, watch, pass, readings } = watching(t);
  await readings(2);
  host.disks = host.disks.map((disk) => ({ ...disk, reallocatedSectors: 2 }));
  await readings(2);
  assert.deepEqual(watch.concerns(), ["sda: 2 more sectors were replaced"]);
  for (let hours = 0; hours < 26; hours++) {
    pass(1);
    await readings(2);
  }
  await readings(4);
  assert.deepEqual(watch.concerns(), []);
});

test("a clock that nobody keeps says nothing of the host, one that is wrong does", async (t) => {
  const { host, watch, readings } = watching(t);
  const clock = { source: "simulated", isSynchronized: false } as const;
  host.clock = { ...clock, offset: milliseconds(0) };
  await readings(2);
  assert.deepEqual(watch.concerns(), []);
  host.clock = { ...clock, offset: milliseconds(900) };
  await readings(2);
  assert.deepEqual(watch.concerns(), ["The clock is 900 ms ahead (simulated)"]);
});

test("before the first reading nothing is known, and that is not the same as no worry", async (t) => {
  const { watch, readings } = watching(t);
  assert.equal(watch.concerns(), null);
  await readings(1);
  assert.deepEqual(watch.concerns(), []);
});

test("a reading that fails changes nothing, and the next one is taken all the same", async (t) => {
  const { host, watch, readings } = watching(t);
  const [sensor] = host.temperatures;
  assert.ok(sensor);
  host.temperatures = [{ ...sensor, celsius: 90 }];
  await readings(2);
  assert.equal(watch.concerns()?.length, 1);
  host.temperatures = [];
  await readings(10);
  assert.equal(watch.concerns()?.length, 1);
  host.temperatures = [{ ...sensor, celsius: 40 }];
  await readings(5);
  assert.deepEqual(watch.concerns(), []);
});
