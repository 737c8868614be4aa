/**
 * Vitals of a host that does not exist: a plain record that tests and drills change.
 *
 * It is healthy to begin with and tells everything, which few real hosts do; take parts away to get one
 * that does not.
 */
import { type Clock, milliseconds } from "@holdfast/kernel/time";
import type { VitalSigns, Vitals } from "./driver.ts";

export type SimulatedHost = { -readonly [Key in keyof Omit<Vitals, "at">]: Vitals[Key] };

export const simulatedHost = (): SimulatedHost => ({
  temperatures: [{ sensor: "coretemp Package id 0", celsius: 45, high: 85, critical: 100 }],
  powerSupplies: [
    { name: "PSU1", kind: "mains", isOnline: true },
    { name: "PSU2", kind: "mains", isOnline: true },
  ],
  disks: [
    {
      name: "sda",
      isReachable: true,
      hasPassed: true,
      pendingSectors: 0,
      uncorrectableSectors: 0,
      reallocatedSectors: 0,
    },
  ],
  memory: [{ controller: "mc0", corrected: 0, uncorrected: 0 }],
  clock: { offset: milliseconds(0), isSynchronized: true, source: "simulated" },
  unavailable: [],
});

export function simulatedVitals(host: SimulatedHost, clock: Clock): VitalSigns {
  return { read: async () => ({ at: clock.now(), ...host }) };
}
