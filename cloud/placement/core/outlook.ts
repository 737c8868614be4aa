/**
 * What every host has left under one setting of the factors, as rows of numbers by slot.
 *
 * Derived, and only ever derived: a choice with other factors gets another outlook, and one that
 * nobody asks for any more is dropped. It follows the fleet's log, so a change of one host costs one
 * row and an unchanged host costs nothing.
 */
import { freeShare, roomOf } from "./capacity.ts";
import type { Fleet } from "./fleet.ts";
import { grown } from "./grown.ts";
import type { Factors } from "./model.ts";

/** Where each number stands in the row of a slot, which begins at four times the slot. */
export const row = { freeMemoryMiB: 0, freeCpus: 1, memoryMiB: 2, cpus: 3, length: 4 } as const;

export class Outlook {
  readonly #fleet: Fleet;
  readonly #factors: Factors;
  #seen = 0;
  /** Slot by slot, the four numbers of `row`: side by side, because they are wanted together. */
  rows = new Int32Array(0);

  constructor(fleet: Fleet, factors: Factors) {
    this.#fleet = fleet;
    this.#factors = copyOf(factors);
  }

  /** Whether these are the factors that it is under; compared by value, on every choice. */
  isUnder({ cpu, memory, clusters }: Factors): boolean {
    const own = this.#factors;
    if (cpu !== own.cpu || memory !== own.memory) return false;
    if (!clusters) return !own.clusters;
    if (!own.clusters) return false;
    for (const cluster in own.clusters) if (!(cluster in clusters)) return false;
    for (const cluster in clusters) {
      const theirs = clusters[cluster];
      const ours = own.clusters[cluster];
      if (theirs?.cpu !== ours?.cpu || theirs?.memory !== ours?.memory) return false;
    }
    return true;
  }

  /** Call before reading a row. */
  catchUp(): void {
    const fleet = this.#fleet;
    if (this.#seen === fleet.changes) return;
    const isFirst = this.#seen === 0;
    const length = fleet.slots * row.length;
    if (length > this.rows.length)
      this.rows = grown(this.rows, new Int32Array(Math.max(length, this.rows.length * 2)));
    if (isFirst || fleet.hasForgotten(this.#seen))
      for (let slot = 0; slot < fleet.slots; slot++) this.#look(slot);
    else
      for (let i = this.#seen; i < fleet.changes; i++) {
        const slot = fleet.changedAt(i);
        if (fleet.isEdit(i)) this.#look(slot);
        else this.#measure(slot);
      }
    this.#seen = fleet.changes;
  }

  #look(slot: number): void {
    const host = this.#fleet.hostAt(slot);
    if (!host) return;
    const { cpus, memoryMiB } = roomOf(host, this.#factors);
    this.rows[slot * row.length + row.memoryMiB] = memoryMiB;
    this.rows[slot * row.length + row.cpus] = cpus;
    this.#measure(slot);
  }

  /** What is left, where what there is has stayed the same. */
  #measure(slot: number): void {
    const { rows } = this;
    const at = slot * row.length;
    rows[at + row.freeMemoryMiB] =
      (rows[at + row.memoryMiB] ?? 0) - this.#fleet.givenOutMemoryMiB(slot);
    rows[at + row.freeCpus] = (rows[at + row.cpus] ?? 0) - this.#fleet.givenOutCpus(slot);
  }

  /** See `freeShare`: 1 is empty. From the row, because a column of its own would be one more place to wait for. */
  shareOf(slot: number): number {
    const { rows } = this;
    const at = slot * row.length;
    return freeShare({
      cpus: rows[at + row.cpus] ?? 0,
      memoryMiB: rows[at + row.memoryMiB] ?? 0,
      freeCpus: rows[at + row.freeCpus] ?? 0,
      freeMemoryMiB: rows[at + row.freeMemoryMiB] ?? 0,
    });
  }
}

/** Ours to keep: somebody may change theirs, and then it is another setting. */
function copyOf({ cpu, memory, clusters }: Factors): Factors {
  if (!clusters) return { cpu, memory };
  const own = Object.entries(clusters).map(([name, factors]) => [name, { ...factors }] as const);
  return { cpu, memory, clusters: Object.fromEntries(own) };
}
