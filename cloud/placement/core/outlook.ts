/**
 * What every host has left under one setting of the factors, as rows of numbers by slot.
 *
 * Derived, and only ever derived: a choice with other factors gets another outlook, and one that
 * nobody asks for any more is dropped. It follows the fleet's log, so a change of one host costs one
 * row and an unchanged host costs nothing.
 */
import { freeShare, roomOf } from "./capacity.ts";
import type { Fleet } from "./fleet.ts";
import type { Factors } from "./model.ts";

/** Where each number stands in the row of a slot, which begins at four times the slot. */
export const row = { freeMemoryMiB: 0, freeCpus: 1, memoryMiB: 2, cpus: 3, length: 4 } as const;

export class Outlook {
  readonly #fleet: Fleet;
  readonly #factors: Factors;
  readonly #clusters: number;
  #seen = 0;
  /** Slot by slot, the four numbers of `row`: side by side, because they are wanted together. */
  rows = new Int32Array(0);
  /** See `freeShare`: 1 is empty. */
  share = new Float64Array(0);

  constructor(fleet: Fleet, factors: Factors) {
    this.#fleet = fleet;
    this.#factors = copyOf(factors);
    this.#clusters = Object.keys(factors.clusters ?? {}).length;
  }

  /** Whether these are the factors that it is under; compared by value, on every choice. */
  isUnder({ cpu, memory, clusters }: Factors): boolean {
    const own = this.#factors;
    if (cpu !== own.cpu || memory !== own.memory) return false;
    if (!clusters) return !own.clusters;
    if (!own.clusters || Object.keys(clusters).length !== this.#clusters) return false;
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
    if (fleet.slots > this.share.length) this.#grow(Math.max(fleet.slots, this.share.length * 2));
    if (isFirst || fleet.hasForgotten(this.#seen))
      for (let slot = 0; slot < fleet.slots; slot++) this.#look(slot);
    else for (let i = this.#seen; i < fleet.changes; i++) this.#look(fleet.changedAt(i));
    this.#seen = fleet.changes;
  }

  #look(slot: number): void {
    const host = this.#fleet.hostAt(slot);
    if (!host) return;
    const { cpus, memoryMiB } = roomOf(host, this.#factors);
    const freeCpus = cpus - this.#fleet.givenOutCpus(slot);
    const freeMemoryMiB = memoryMiB - this.#fleet.givenOutMemoryMiB(slot);
    const at = slot * row.length;
    this.rows[at + row.freeMemoryMiB] = freeMemoryMiB;
    this.rows[at + row.freeCpus] = freeCpus;
    this.rows[at + row.memoryMiB] = memoryMiB;
    this.rows[at + row.cpus] = cpus;
    this.share[slot] = freeShare({ cpus, memoryMiB, freeCpus, freeMemoryMiB });
  }

  #grow(length: number): void {
    this.rows = longer(this.rows, length * row.length);
    const share = new Float64Array(length);
    share.set(this.share);
    this.share = share;
  }
}

export function longer(from: Int32Array, length: number, fill = 0): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length).fill(fill, from.length);
  to.set(from);
  return to;
}

/** Ours to keep: somebody may change theirs, and then it is another setting. */
function copyOf({ cpu, memory, clusters }: Factors): Factors {
  if (!clusters) return { cpu, memory };
  const own = Object.entries(clusters).map(([name, factors]) => [name, { ...factors }] as const);
  return { cpu, memory, clusters: Object.fromEntries(own) };
}
