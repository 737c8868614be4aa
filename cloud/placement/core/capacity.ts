/**
 * How much a host can give: physical size times factor, less what is given out.
 *
 * The one place where a factor meets a size. Nothing may keep the product: a factor that is frozen
 * into stored numbers rescales the past when an operator changes it.
 */
import type { Factors, HostCapacity, Overprovisioning } from "./model.ts";

/** Whole cpus and MiB. Free is negative where a factor was lowered below what is already given out. */
export interface Room {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly freeCpus: number;
  readonly freeMemoryMiB: number;
}

export function roomOf(host: HostCapacity, factors: Factors): Room {
  const { cpu, memory } = factorsIn(factors, host.cluster);
  const cpus = scaled(host.cpus, cpu);
  const memoryMiB = scaled(host.memoryMiB, memory);
  return {
    cpus,
    memoryMiB,
    freeCpus: cpus - host.reservedCpus,
    freeMemoryMiB: memoryMiB - host.reservedMemoryMiB,
  };
}

/** What `roomOf` says of one of the two, for who asks every host. */
export const freeCpus = ({ cpus, cluster, reservedCpus }: HostCapacity, factors: Factors): number =>
  scaled(cpus, factors.clusters?.[cluster]?.cpu ?? factors.cpu) - reservedCpus;

export const freeMemoryMiB = (
  { memoryMiB, cluster, reservedMemoryMiB }: HostCapacity,
  factors: Factors,
): number =>
  scaled(memoryMiB, factors.clusters?.[cluster]?.memory ?? factors.memory) - reservedMemoryMiB;

/** The factors that hold in one cluster. */
export function factorsIn(factors: Factors, cluster: string): Overprovisioning {
  const own = factors.clusters?.[cluster];
  return own ? { cpu: own.cpu ?? factors.cpu, memory: own.memory ?? factors.memory } : factors;
}

/**
 * Rounded down to whole units, but 1000 times 1.001 is 1001 although floating point says 1000.9999.
 * Ends at 2 PiB (or as many cpus), so that every number here fits into 32 bits.
 */
export function scaled(physical: number, factor: number): number {
  return Math.min(2 ** 31 - 1, Math.floor(physical * factor + 1e-6));
}

/**
 * How empty something is, from 1 (nothing given out) down: the scarcer of processor and memory,
 * because the fuller one is the one that will refuse the next guest. Something without capacity is full.
 */
export function freeShare({ cpus, memoryMiB, freeCpus, freeMemoryMiB }: Room): number {
  if (cpus <= 0 || memoryMiB <= 0) return 0;
  return Math.min(freeCpus / cpus, freeMemoryMiB / memoryMiB);
}
