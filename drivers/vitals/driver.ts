/**
 * How a host's hardware is: temperature, power, disks, memory, clock.
 *
 * A reading is plain facts without a judgement; concerns.ts judges. What a host cannot tell is listed in
 * `unavailable` and absent, never zero: a machine without a sensor is not a cold machine.
 */
import type { Duration, Instant } from "@holdfast/kernel/time";

export interface Vitals {
  readonly at: Instant;
  readonly temperatures: readonly Temperature[];
  readonly powerSupplies: readonly PowerSupply[];
  readonly disks: readonly DiskHealth[];
  readonly memory: readonly MemoryErrors[];
  readonly clock?: ClockHealth;
  /** Which of the five this host has no way to tell. */
  readonly unavailable: readonly ("temperature" | "power" | "disk" | "memory" | "clock")[];
}

export interface Temperature {
  /** As the kernel calls it: chip and label. */
  readonly sensor: string;
  readonly celsius: number;
  /** The maker's own limits, where the sensor knows them. */
  readonly high?: number;
  readonly critical?: number;
}

export interface PowerSupply {
  readonly name: string;
  readonly kind: "mains" | "battery" | "other";
  /** Whether it gives power now. */
  readonly isOnline: boolean;
  /** The driver's word when something is wrong with it (`Dead`, `Overheat`, ...). */
  readonly ailment?: string;
}

export interface DiskHealth {
  /** As in /dev. */
  readonly name: string;
  /** False: the kernel has given it up. */
  readonly isReachable: boolean;
  /** The disk's own verdict about itself; undefined if it was not or cannot be asked. */
  readonly hasPassed?: boolean;
  /** Sectors it could not read and has not yet given up. */
  readonly pendingSectors?: number;
  readonly uncorrectableSectors?: number;
  /** Sectors that were replaced by spare ones. Some are normal; more and more are not. */
  readonly reallocatedSectors?: number;
  /** Of the writes it was built for, in percent; may exceed 100. */
  readonly wornPercent?: number;
}

export interface MemoryErrors {
  /** As the kernel calls the controller. */
  readonly controller: string;
  /** Since the host booted. */
  readonly corrected: number;
  readonly uncorrected: number;
}

export interface ClockHealth {
  /** How far it is from the true time, as whoever keeps it believes; positive: it is ahead. */
  readonly offset: Duration;
  readonly isSynchronized: boolean;
  readonly source: "chrony" | "kernel" | "simulated";
}

export interface VitalSigns {
  /** Never rejects because something could not be read. Takes a second or two where disks are asked. */
  read(): Promise<Vitals>;
}
