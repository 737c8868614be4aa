/**
 * All hosts in memory, each in a numbered slot, with a log of which slots changed.
 *
 * What a host has given out has two parts. `reserved` came from outside and is replaced by the
 * next `upsert`; `held` is ours, for choices whose transaction is still open, and an upsert leaves it
 * alone. Mixing them would lose either the news or the reservation, whichever came first.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { grown } from "./grown.ts";
import type { HostCapacity } from "./model.ts";
import { NameOrder } from "./names.ts";
import { Places } from "./places.ts";
import { byName } from "./rank.ts";

/** Readers further behind than this start again; they would hardly be faster by catching up. */
const remembered = 1 << 16;
/** The lowest bit of an entry in the log; the others are the slot. */
const edit = 1;

/** Where each sum stands in the row of a slot, which begins at four times the slot. */
const sum = { givenCpus: 0, givenMemoryMiB: 1, heldCpus: 2, heldMemoryMiB: 3, length: 4 } as const;

export class Fleet {
  /** By slot. Undefined where a host was removed and nobody has taken its place. */
  readonly #hosts: (HostCapacity | undefined)[] = [];
  /** Slot by slot: all that is given out, and how much of that is held. A copy of the host for each change would be garbage. */
  #sums = new Float64Array(64 * sum.length);
  #pods = new Int32Array(64);
  readonly #slotOf = new Map<HostId, number>();
  readonly #vacant: number[] = [];
  readonly #log = new Int32Array(remembered);
  readonly #names = new NameOrder();
  /** In which zones and pods they are. */
  readonly places = new Places();
  #changes = 0;
  #age = 0;
  #chosen = 0;

  /** How many slots there are, vacant ones included: one past the highest. */
  get slots(): number {
    return this.#hosts.length;
  }

  get size(): number {
    return this.#slotOf.size;
  }

  /** How many changes there have been; remember it to ask later what changed since. */
  get changes(): number {
    return this.#changes;
  }

  /** Grows when all name labels changed, so that every order by them is worthless. */
  get age(): number {
    return this.#age;
  }

  get labels(): Float64Array {
    return this.#names.labels;
  }

  /** Mostly of who has just been chosen: to find one text among 100,000 would take as long as the choice. */
  slotOf(id: HostId): number | undefined {
    return id === this.#hosts[this.#chosen]?.id ? this.#chosen : this.#slotOf.get(id);
  }

  /** Whose slot this is, for who is about to reserve there. */
  chosen(slot: number): HostId | undefined {
    this.#chosen = slot;
    return this.#hosts[slot]?.id;
  }

  /** The host as it came from outside: its sums may be behind, the methods below are not. */
  hostAt(slot: number): HostCapacity | undefined {
    return this.#hosts[slot];
  }

  /** The number of the pod in which the host is. */
  podAt(slot: number): number {
    return this.#pods[slot] ?? 0;
  }

  /** The host with what was confirmed since, and without what is held. */
  knownAt(slot: number): HostCapacity | undefined {
    const at = slot * sum.length;
    const reservedCpus = this.givenOutCpus(slot) - (this.#sums[at + sum.heldCpus] ?? 0);
    const reservedMemoryMiB =
      this.givenOutMemoryMiB(slot) - (this.#sums[at + sum.heldMemoryMiB] ?? 0);
    return this.#with(slot, reservedCpus, reservedMemoryMiB);
  }

  /** The host with all that it has given out. */
  nowAt(slot: number): HostCapacity | undefined {
    return this.#with(slot, this.givenOutCpus(slot), this.givenOutMemoryMiB(slot));
  }

  givenOutCpus(slot: number): number {
    return this.#sums[slot * sum.length + sum.givenCpus] ?? 0;
  }

  givenOutMemoryMiB(slot: number): number {
    return this.#sums[slot * sum.length + sum.givenMemoryMiB] ?? 0;
  }

  /** Adds a host or replaces what is known of it. Nothing new, nothing done, and false. */
  upsert(host: HostCapacity): boolean {
    const slot = this.#slotOf.get(host.id);
    const known = slot === undefined ? undefined : this.knownAt(slot);
    if (slot === undefined || !known) this.#join(host);
    else if (isSame(known, host)) return false;
    else this.#replace(slot, known, host);
    return true;
  }

  remove(id: HostId): void {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) return;
    this.places.leave(this.podAt(slot));
    this.#hosts[slot] = undefined;
    this.#sums.fill(0, slot * sum.length, (slot + 1) * sum.length);
    this.#slotOf.delete(id);
    this.#vacant.push(slot);
    this.#names.leave(slot);
    this.#note(slot, edit);
  }

  /** Holds more (or, negative, less) on a host. */
  hold(slot: number, cpus: number, memoryMiB: number): void {
    this.#addTo(slot, sum.givenCpus, cpus, memoryMiB);
    this.#addTo(slot, sum.heldCpus, cpus, memoryMiB);
    this.#note(slot, 0);
  }

  /** What was held is now part of what came from outside; all that is given out stays. */
  confirm(slot: number, cpus: number, memoryMiB: number): void {
    this.#addTo(slot, sum.heldCpus, -cpus, -memoryMiB);
  }

  /** Call before using labels or `sorted`. */
  settle(): void {
    if (this.#names.isSettled) return;
    const nameOf = (slot: number) => this.#hosts[slot] ?? nobody;
    if (!this.#names.settle((a, b) => byName(nameOf(a), nameOf(b)))) this.#age += 1;
  }

  /** Occupied slots in name order. Settle first. */
  get sorted(): readonly number[] {
    return this.#names.sorted;
  }

  /** Whether what changed since then can no longer be told. */
  hasForgotten(then: number): boolean {
    return this.#changes - then > remembered;
  }

  /** The slot of one change, for numbers below `changes` that are not forgotten. */
  changedAt(change: number): number {
    return (this.#log[change % remembered] ?? 0) >> 1;
  }

  /**
   * Whether that change was more than capacity given out or back. After one that was not, the host
   * suits the same requests as before, and has its name.
   */
  isEdit(change: number): boolean {
    return ((this.#log[change % remembered] ?? 0) & edit) === edit;
  }

  #join(host: HostCapacity): void {
    const slot = this.#vacant.pop() ?? this.#hosts.length;
    if (slot >= this.#pods.length) this.#grow();
    this.#slotOf.set(host.id, slot);
    this.#names.join(slot);
    this.#put(slot, host);
  }

  #replace(slot: number, known: HostCapacity, host: HostCapacity): void {
    if (known.name !== host.name) {
      this.#names.leave(slot);
      this.#names.join(slot);
    }
    this.places.leave(this.podAt(slot));
    this.#put(slot, host);
  }

  #put(slot: number, host: HostCapacity): void {
    this.#hosts[slot] = host;
    this.#pods[slot] = this.places.enter(host.zone, host.pod);
    const at = slot * sum.length;
    const { reservedCpus, reservedMemoryMiB } = host;
    this.#sums[at + sum.givenCpus] = reservedCpus + (this.#sums[at + sum.heldCpus] ?? 0);
    this.#sums[at + sum.givenMemoryMiB] =
      reservedMemoryMiB + (this.#sums[at + sum.heldMemoryMiB] ?? 0);
    this.#note(slot, edit);
  }

  /** Mostly there is nothing to say over the host itself, and a copy of each of 100,000 is most of what a refusal would cost. */
  #with(slot: number, reservedCpus: number, reservedMemoryMiB: number): HostCapacity | undefined {
    const host = this.#hosts[slot];
    if (!host) return undefined;
    if (host.reservedCpus === reservedCpus && host.reservedMemoryMiB === reservedMemoryMiB)
      return host;
    return { ...host, reservedCpus, reservedMemoryMiB };
  }

  #addTo(slot: number, which: number, cpus: number, memoryMiB: number): void {
    const at = slot * sum.length + which;
    this.#sums[at] = (this.#sums[at] ?? 0) + cpus;
    this.#sums[at + 1] = (this.#sums[at + 1] ?? 0) + memoryMiB;
  }

  #grow(): void {
    this.#sums = grown(this.#sums, new Float64Array(this.#sums.length * 2));
    this.#pods = grown(this.#pods, new Int32Array(this.#pods.length * 2));
  }

  #note(slot: number, kind: 0 | typeof edit): void {
    this.#log[this.#changes % remembered] = slot * 2 + kind;
    this.#changes += 1;
  }
}

const nobody = { name: "", id: "" as HostId }; // Never compared: only occupied slots are in the order.

function isSame(a: HostCapacity, b: HostCapacity): boolean {
  return (
    a.reservedCpus === b.reservedCpus &&
    a.reservedMemoryMiB === b.reservedMemoryMiB &&
    a.state === b.state &&
    a.mode === b.mode &&
    a.cpus === b.cpus &&
    a.memoryMiB === b.memoryMiB &&
    a.name === b.name &&
    a.zone === b.zone &&
    a.pod === b.pod &&
    a.cluster === b.cluster &&
    isSameList(a.tags, b.tags) &&
    isSameList(a.concerns, b.concerns)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
