/**
 * All hosts in memory, each in a numbered slot, with a log of which slots changed.
 *
 * What a host has given out is kept in two parts. `reserved` came from outside and is replaced by the
 * next `upsert`; `held` is ours, for choices whose transaction is still open, and an upsert leaves it
 * alone. Mixing them would lose either the news or the reservation, whichever came first.
 */
import type { HostId } from "@holdfast/kernel/ids";
import type { HostCapacity } from "./model.ts";
import { NameOrder } from "./names.ts";
import { byName } from "./rank.ts";

/** Readers further behind than this start again; they would hardly be faster by catching up. */
const remembered = 1 << 16;
/** The lowest bit of an entry in the log; the others are the slot. */
const edit = 1;

interface Slot {
  /** Undefined where a host was removed and nobody has taken its place. */
  host: HostCapacity | undefined;
  /** What was confirmed since the host came from outside like that. Apart from it: a copy of the host for each would be garbage. */
  confirmedCpus: number;
  confirmedMemoryMiB: number;
  heldCpus: number;
  heldMemoryMiB: number;
}

const empty = { confirmedCpus: 0, confirmedMemoryMiB: 0, heldCpus: 0, heldMemoryMiB: 0 };

export class Fleet {
  readonly #slots: Slot[] = [];
  readonly #slotOf = new Map<HostId, number>();
  readonly #vacant: number[] = [];
  readonly #log = new Int32Array(remembered);
  readonly #names = new NameOrder();
  /** How many hosts there are, by zone and pod. */
  readonly #hostsIn = new Map<string, Map<string, number>>();
  #changes = 0;
  #age = 0;

  /** How many slots there are, vacant ones included: one past the highest. */
  get slots(): number {
    return this.#slots.length;
  }

  get size(): number {
    return this.#slotOf.size;
  }

  /** The zones that have hosts. */
  get zones(): IterableIterator<string> {
    return this.#hostsIn.keys();
  }

  /** How many pods of this zone have hosts. */
  podsIn(zone: string): number {
    return this.#hostsIn.get(zone)?.size ?? 0;
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

  slotOf(id: HostId): number | undefined {
    return this.#slotOf.get(id);
  }

  /** The host as it came from outside: its sums may be behind, the methods below are not. */
  hostAt(slot: number): HostCapacity | undefined {
    return this.#slots[slot]?.host;
  }

  /** The host with what was confirmed since, and without what is held. */
  knownAt(slot: number): HostCapacity | undefined {
    const entry = this.#slots[slot];
    if (!entry?.host) return undefined;
    const { host, confirmedCpus, confirmedMemoryMiB } = entry;
    if (confirmedCpus === 0 && confirmedMemoryMiB === 0) return host;
    return {
      ...host,
      reservedCpus: host.reservedCpus + confirmedCpus,
      reservedMemoryMiB: host.reservedMemoryMiB + confirmedMemoryMiB,
    };
  }

  givenOutCpus(slot: number): number {
    const entry = this.#slots[slot];
    return entry ? (entry.host?.reservedCpus ?? 0) + entry.confirmedCpus + entry.heldCpus : 0;
  }

  givenOutMemoryMiB(slot: number): number {
    const entry = this.#slots[slot];
    if (!entry) return 0;
    return (entry.host?.reservedMemoryMiB ?? 0) + entry.confirmedMemoryMiB + entry.heldMemoryMiB;
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
    const host = slot === undefined ? undefined : this.#slots[slot]?.host;
    if (slot === undefined || !host) return;
    this.#countIn(host, -1);
    this.#slots[slot] = { ...empty, host: undefined };
    this.#slotOf.delete(id);
    this.#vacant.push(slot);
    this.#names.leave(slot);
    this.#note(slot, edit);
  }

  /** Holds more (or, negative, less) on a host. */
  hold(slot: number, cpus: number, memoryMiB: number): void {
    const entry = this.#slots[slot];
    if (!entry) return;
    entry.heldCpus += cpus;
    entry.heldMemoryMiB += memoryMiB;
    this.#note(slot, 0);
  }

  /** What was held is now part of what came from outside; the sum stays. */
  confirm(slot: number, cpus: number, memoryMiB: number): void {
    const entry = this.#slots[slot];
    if (!entry?.host) return;
    entry.heldCpus -= cpus;
    entry.heldMemoryMiB -= memoryMiB;
    entry.confirmedCpus += cpus;
    entry.confirmedMemoryMiB += memoryMiB;
  }

  /** Call before using labels or `sorted`. */
  settle(): void {
    const nameOf = (slot: number) => this.#slots[slot]?.host ?? nobody;
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
    const slot = this.#vacant.pop() ?? this.#slots.length;
    this.#slots[slot] = { ...empty, host };
    this.#slotOf.set(host.id, slot);
    this.#countIn(host, 1);
    this.#names.join(slot);
    this.#note(slot, edit);
  }

  #replace(slot: number, known: HostCapacity, host: HostCapacity): void {
    const entry = this.#slots[slot];
    if (!entry) return;
    if (known.name !== host.name) {
      this.#names.leave(slot);
      this.#names.join(slot);
    }
    this.#countIn(host, 1);
    this.#countIn(known, -1);
    entry.host = host;
    entry.confirmedCpus = 0;
    entry.confirmedMemoryMiB = 0;
    this.#note(slot, edit);
  }

  #countIn({ zone, pod }: HostCapacity, by: 1 | -1): void {
    const pods = this.#hostsIn.get(zone) ?? new Map<string, number>();
    const hosts = (pods.get(pod) ?? 0) + by;
    if (hosts > 0) pods.set(pod, hosts);
    else pods.delete(pod);
    if (pods.size > 0) this.#hostsIn.set(zone, pods);
    else this.#hostsIn.delete(zone);
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
