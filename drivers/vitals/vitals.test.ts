/** The contract on the simulated host and on the real reader over a made-up /sys; then what tools print. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, type Instant, milliseconds } from "@holdfast/kernel/time";
import { concernsOf } from "./concerns.ts";
import { type VitalsRig, vitalsContract } from "./contract.ts";
import type { Vitals } from "./driver.ts";
import { hostVitals, parseAdjtimex, parseChrony } from "./files.ts";
import { simulatedHost, simulatedVitals } from "./simulated.ts";
import { diskFromSmart } from "./smart.ts";

const clock: Clock = { now: () => 1_000 as Instant, sleep: async () => {} };

vitalsContract("simulated vitals", async () => simulatedRig());
vitalsContract("vitals from files", async (t) => filesRig(t));

function simulatedRig(): VitalsRig {
  const host = simulatedHost();
  const disk = () => ({ name: "sda", isReachable: true, ...host.disks[0] });
  return {
    signs: simulatedVitals(host, clock),
    async heat(celsius) {
      host.temperatures = host.temperatures.map((each) => ({ ...each, celsius }));
    },
    async unplug() {
      host.powerSupplies = host.powerSupplies.map((each, index) => ({
        ...each,
        isOnline: index > 0,
      }));
    },
    async wearOut() {
      host.disks = [{ ...disk(), hasPassed: false }];
    },
    async reallocate(reallocatedSectors) {
      host.disks = [{ ...disk(), reallocatedSectors }];
    },
    async loseDisk() {
      host.disks = [{ ...disk(), isReachable: false }];
    },
    async memoryErrors(corrected, uncorrected) {
      host.memory = [{ controller: "mc0", corrected, uncorrected }];
    },
    async skew(offset) {
      host.clock = { offset: milliseconds(offset), isSynchronized: true, source: "simulated" };
    },
    async strip() {
      Object.assign(host, { temperatures: [], powerSupplies: [], disks: [], memory: [] });
      delete host.clock;
      host.unavailable = ["temperature", "power", "disk", "memory", "clock"];
    },
  };
}

function filesRig(t: TestContext): VitalsRig {
  const sys = mkdtempSync(join(tmpdir(), "hf-sys-"));
  t.after(() => rmSync(sys, { recursive: true, force: true }));
  const put = (file: string, text: string | number) => {
    mkdirSync(dirname(join(sys, file)), { recursive: true });
    writeFileSync(join(sys, file), `${text}\n`);
  };
  const chip = "class/hwmon/hwmon0";
  put(`${chip}/name`, "coretemp");
  put(`${chip}/temp1_input`, 45_000);
  put(`${chip}/temp1_label`, "Package id 0");
  put(`${chip}/temp1_max`, 85_000);
  put(`${chip}/temp1_crit`, 100_000);
  put(`${chip}/temp2_input`, 127_000);
  put(`${chip}/temp2_fault`, 1); // Nothing is connected there.
  for (const supply of ["PSU1", "PSU2"]) {
    put(`class/power_supply/${supply}/type`, "Mains");
    put(`class/power_supply/${supply}/online`, 1);
  }
  put("block/sda/device/state", "running");
  put("block/loop0/size", 0);
  put("devices/system/edac/mc/mc0/ce_count", 0);
  put("devices/system/edac/mc/mc0/ue_count", 0);
  let smart: unknown = ata(true, 0);
  let behind = 0;
  let hasTools = true;
  const signs = hostVitals({
    clock,
    sys,
    async run(program) {
      if (hasTools && program === "smartctl") return JSON.stringify(smart);
      if (hasTools && program === "chronyc") return chrony(behind);
      throw new Error("not installed");
    },
  });
  return {
    signs,
    heat: async (celsius) => put(`${chip}/temp1_input`, celsius * 1_000),
    unplug: async () => put("class/power_supply/PSU1/online", 0),
    async wearOut() {
      smart = ata(false, 0);
    },
    async reallocate(sectors) {
      smart = ata(true, sectors);
    },
    loseDisk: async () => put("block/sda/device/state", "offline"),
    async memoryErrors(corrected, uncorrected) {
      put("devices/system/edac/mc/mc0/ce_count", corrected);
      put("devices/system/edac/mc/mc0/ue_count", uncorrected);
    },
    async skew(offset) {
      behind = -offset / 1_000;
    },
    async strip() {
      rmSync(sys, { recursive: true });
      hasTools = false;
    },
  };
}

const ata = (passed: boolean, reallocated: number) => ({
  smart_status: { passed },
  ata_smart_attributes: {
    table: [
      { id: 5, name: "Reallocated_Sector_Ct", raw: { value: reallocated } },
      { id: 9, name: "Power_On_Hours", raw: { value: 41_000 } },
      { id: 197, raw: { value: 0 } },
      { id: 198, raw: { value: 0 } },
    ],
  },
});

const chrony = (behind: number, leap = "Normal") =>
  `C0000201,192.0.2.1,3,1795271943.5,${behind.toFixed(9)},0.000001,0.00002,-3.1,0.001,0.02,0.01,0.001,64.2,${leap}\n`;

test("an NVMe disk is judged by its own log", () => {
  const log = { critical_warning: 0, percentage_used: 93, media_errors: 0 };
  const said = (changes: object) =>
    JSON.stringify({ nvme_smart_health_information_log: { ...log, ...changes } });
  assert.deepEqual(diskFromSmart(said({})), { wornPercent: 93, uncorrectableSectors: 0 });
  assert.equal(diskFromSmart(said({ critical_warning: 4 })).hasPassed, false);
  assert.deepEqual(diskFromSmart("Permission denied"), {});
  const disks = [{ name: "nvme0n1", isReachable: true, ...diskFromSmart(said({})) }];
  assert.deepEqual(severities({ disks }), ["disk-failing warning"]);
});

test("a clock that nobody keeps is a concern of its own", () => {
  const parsed = parseChrony(chrony(0, "Not synchronised"));
  assert.equal(parsed?.isSynchronized, false);
  assert.deepEqual(parsed && severities({ clock: parsed }), ["clock-unsynchronized warning"]);
  assert.equal(parseChrony("506 Cannot talk to daemon\n"), undefined);
});

test("the kernel's clock is read in the unit that it says", () => {
  const printed = (offset: number, status: number) =>
    `    mode:         0\n-o  offset:       ${offset} us\n    status:       ${status} (x)\n`;
  assert.deepEqual(parseAdjtimex(printed(2_000, 0x0001)), {
    offset: -2,
    isSynchronized: true,
    source: "kernel",
  });
  assert.equal(parseAdjtimex(printed(2_000_000, 0x2001))?.offset, -2);
  assert.equal(parseAdjtimex(printed(0, 0x0040))?.isSynchronized, false);
  assert.equal(parseAdjtimex("adjtimex: not found"), undefined);
});

test("a host on its last power is worse off than one that lost half of it", () => {
  const supply = (name: string, isOnline: boolean) => ({ name, kind: "mains" as const, isOnline });
  const dark = [supply("a", false), supply("b", false)];
  assert.deepEqual(severities({ powerSupplies: dark }), [
    "power-degraded critical",
    "power-degraded critical",
  ]);
  const battery = { name: "BAT0", kind: "battery" as const, isOnline: false };
  assert.deepEqual(severities({ powerSupplies: [supply("a", true), battery] }), []);
  const ill = { ...battery, ailment: "Overheat" };
  assert.deepEqual(severities({ powerSupplies: [supply("a", true), ill] }), [
    "power-degraded warning",
  ]);
});

test("this machine's own vitals can be read, whatever it has", async () => {
  const vitals = await hostVitals({ clock }).read();
  assert.equal(vitals.at, 1_000);
  for (const { celsius } of vitals.temperatures) assert.ok(celsius > -50 && celsius < 200);
  concernsOf(vitals, vitals);
});

function severities(part: Partial<Vitals>): readonly string[] {
  const none = { temperatures: [], powerSupplies: [], disks: [], memory: [], unavailable: [] };
  return concernsOf({ at: clock.now(), ...none, ...part }).map(
    ({ code, severity }) => `${code} ${severity}`,
  );
}
