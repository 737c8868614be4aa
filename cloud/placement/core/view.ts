/**
 * The hosts that suit one kind of request, kept in the order of one planner.
 *
 * A kind is everything about a request but its size: zone, tags, healthy or not. So filtering costs
 * nothing at the moment of a choice, and the planner is nothing but an order: the choice is the first
 * host in it that is big enough. The order must be the one that `rank.ts` defines.
 *
 * Views are lazy: a change of a host costs a view nothing until somebody asks it, and it costs a view
 * that nobody asks nothing at all. Catching up goes in three steps (take off what changed, put it
 * back, put the pods back), because a shelf may not be searched while an item on it has moved.
 */
import { unreachable } from "@holdfast/kernel/unreachable";
import { freeShare } from "./capacity.ts";
import type { Fleet } from "./fleet.ts";
import type { HostCapacity, Planner } from "./model.ts";
import { columns, Nodes, nothing } from "./nodes.ts";
import { longer, type Outlook } from "./outlook.ts";
import { podName } from "./rank.ts";
import { type Content, Shelf } from "./shelf.ts";

export interface Kind {
  readonly planner: Planner;
  readonly zone: string;
  readonly tags: readonly string[];
  /** Hosts without concerns, or those with. */
  readonly isHealthy: boolean;
}

/** Hosts that are weighed together: under `spread` those of a pod, otherwise all. */
interface Pod {
  readonly name: string;
  readonly hosts: Shelf;
  cpus: number;
  memoryMiB: number;
  freeCpus: number;
  freeMemoryMiB: number;
  share: number;
  isTouched: boolean;
}

export class View {
  readonly #fleet: Fleet;
  readonly #outlook: Outlook;
  readonly #kind: Kind;
  readonly #content: Content;
  /**
   * What the columns of the shelves mean: column i holds the most memory that a host with at least
   * `#sizes[i]` free cpus has. The sizes are those that were asked for, so that a search for one of
   * them goes straight to its host; the first is 0, which is true of every host and serves the rest.
   */
  readonly #sizes: number[] = [0];
  #nodes = new Nodes();
  #podIds = new Map<string, number>();
  #pods: Pod[] = [];
  #podOrder: Shelf;
  readonly #podLeaves = { at: new Int32Array(0) };
  /** By pod and column: what the biggest host of the pod can give. */
  #podMost = new Int32Array(0);
  readonly #leaves = { at: new Int32Array(0) };
  /** By slot: the pod on whose shelf the host stands; or -1; or, while it is off, `-2 - pod`. */
  #podOf = new Int32Array(0);
  /** By slot, four numbers: what the host added to its pod, to take out the same again. Spread only. */
  #counted = new Int32Array(0);
  /** Scratch, so that catching up makes no garbage. */
  readonly #off: number[] = [];
  readonly #edited: number[] = [];
  readonly #touched: number[] = [];
  #seen = 0;
  #age = nothing;

  constructor(fleet: Fleet, outlook: Outlook, kind: Kind) {
    this.#fleet = fleet;
    this.#outlook = outlook;
    this.#kind = kind;
    this.#content = {
      used: () => this.#sizes.length,
      before: this.#order(),
      raise: (slot, bounds, at) => this.#raise(slot, bounds, at),
    };
    this.#podOrder = this.#newPodOrder();
  }

  /** The slot of the first host in order with room for this that is accepted, or -1. */
  find(cpus: number, memoryMiB: number, accept: ((slot: number) => boolean) | undefined): number {
    this.#catchUp();
    const column = this.#columnFor(cpus);
    if (!this.#weighsPods) return this.#findIn(0, column, cpus, memoryMiB, accept);
    let found = nothing;
    this.#podOrder.first(column, memoryMiB, (pod) => {
      found = this.#findIn(pod, column, cpus, memoryMiB, accept);
      return found !== nothing;
    });
    return found;
  }

  /** Whether the planner prefers a host of this view to one of another zone's view. */
  prefers(slot: number, other: View, otherSlot: number): boolean {
    if (!this.#weighsPods) return this.#content.before(slot, otherSlot);
    const ours = this.#pods[this.#podOf[slot] ?? nothing];
    const theirs = other.#pods[other.#podOf[otherSlot] ?? nothing];
    return ours !== undefined && theirs !== undefined && isBefore(ours, theirs);
  }

  #findIn(
    pod: number,
    column: number,
    cpus: number,
    memoryMiB: number,
    accept: ((slot: number) => boolean) | undefined,
  ): number {
    const { freeCpus, freeMemoryMiB } = this.#outlook;
    const found = this.#pods[pod]?.hosts.first(
      column,
      memoryMiB,
      (slot) =>
        (freeMemoryMiB[slot] ?? nothing) >= memoryMiB &&
        (freeCpus[slot] ?? nothing) >= cpus &&
        (accept === undefined || accept(slot)),
    );
    return found ?? nothing;
  }

  #catchUp(): void {
    const fleet = this.#fleet;
    if (this.#seen === fleet.changes && this.#age === fleet.age) return;
    if (fleet.slots > this.#podOf.length) this.#grow(Math.max(fleet.slots, this.#podOf.length * 2));
    const isFarBehind = fleet.changes - this.#seen >= fleet.size || fleet.hasForgotten(this.#seen);
    if (this.#age !== fleet.age || isFarBehind) this.#restart();
    else this.#update();
    this.#seen = fleet.changes;
    this.#age = fleet.age;
  }

  #restart(): void {
    this.#nodes = new Nodes();
    this.#podIds = new Map();
    this.#pods = [];
    this.#podOrder = this.#newPodOrder();
    this.#podOf.fill(nothing);
    for (const slot of this.#fleet.sorted) this.#look(slot);
    this.#putPodsBack();
  }

  /** A slot may come more than once in the log; the second time there is nothing left to do. */
  #update(): void {
    const fleet = this.#fleet;
    const isFixedOrder = this.#kind.planner === "first-fit";
    for (let change = this.#seen; change < fleet.changes; change++) {
      const slot = fleet.changedAt(change);
      const id = this.#podOf[slot] ?? nothing;
      const isEdit = fleet.isEdit(change);
      if (isEdit) this.#edited.push(slot);
      if (id >= 0) {
        if (isFixedOrder && !isEdit) this.#pods[id]?.hosts.remeasureOne(slot);
        else this.#takeOff(slot, id);
      }
      if (isEdit) this.#podOf[slot] = nothing;
    }
    for (const slot of this.#off) {
      const place = this.#podOf[slot] ?? nothing;
      if (place < nothing) this.#putOn(slot, -2 - place);
    }
    for (const slot of this.#edited) if (this.#podOf[slot] === nothing) this.#look(slot);
    this.#off.length = 0;
    this.#edited.length = 0;
    this.#putPodsBack();
  }

  #look(slot: number): void {
    const host = this.#fleet.hostAt(slot);
    if (host && this.#suits(host)) this.#putOn(slot, this.#podIdOf(host));
  }

  #takeOff(slot: number, id: number): void {
    this.#touch(id);
    this.#pods[id]?.hosts.remove(slot);
    this.#count(slot, id, -1);
    this.#podOf[slot] = -2 - id;
    this.#off.push(slot);
  }

  #putOn(slot: number, id: number): void {
    this.#touch(id);
    this.#measure(slot);
    this.#count(slot, id, 1);
    this.#pods[id]?.hosts.add(slot);
    this.#podOf[slot] = id;
  }

  #putPodsBack(): void {
    for (const id of this.#touched) {
      const pod = this.#pods[id];
      if (!pod) continue;
      pod.isTouched = false;
      if (pod.hosts.size === 0) continue;
      pod.share = freeShare(pod);
      pod.hosts.copyMost(this.#podMost, id * columns);
      this.#podOrder.add(id);
    }
    this.#touched.length = 0;
  }

  /** A pod whose hosts change must leave its place before they do. */
  #touch(id: number): void {
    const pod = this.#pods[id];
    if (!pod || pod.isTouched || !this.#weighsPods) return;
    pod.isTouched = true;
    this.#touched.push(id);
    if (pod.hosts.size > 0) this.#podOrder.remove(id);
  }

  #suits(host: HostCapacity): boolean {
    const { zone, tags, isHealthy } = this.#kind;
    return (
      host.state === "up" &&
      host.mode === "enabled" &&
      host.zone === zone &&
      (host.concerns.length === 0) === isHealthy &&
      tags.every((tag) => host.tags.includes(tag))
    );
  }

  #order(): Content["before"] {
    const outlook = this.#outlook;
    const byName = (a: number, b: number) =>
      (this.#fleet.labels[a] ?? 0) < (this.#fleet.labels[b] ?? 0);
    switch (this.#kind.planner) {
      case "first-fit":
        return byName;
      case "best-fit":
        return (a, b) => {
          const memory = (outlook.freeMemoryMiB[a] ?? 0) - (outlook.freeMemoryMiB[b] ?? 0);
          if (memory !== 0) return memory < 0;
          const cpus = (outlook.freeCpus[a] ?? 0) - (outlook.freeCpus[b] ?? 0);
          return cpus === 0 ? byName(a, b) : cpus < 0;
        };
      case "spread":
        return (a, b) => {
          const share = (outlook.share[a] ?? 0) - (outlook.share[b] ?? 0);
          return share === 0 ? byName(a, b) : share > 0;
        };
      default:
        return unreachable(this.#kind.planner);
    }
  }

  #raise(slot: number, bounds: Int32Array, at: number): void {
    const cpus = this.#outlook.freeCpus[slot] ?? nothing;
    const memoryMiB = this.#outlook.freeMemoryMiB[slot] ?? nothing;
    const sizes = this.#sizes;
    for (let i = 0; i < sizes.length; i++) {
      if (cpus >= (sizes[i] ?? 0) && memoryMiB > (bounds[at + i] ?? nothing))
        bounds[at + i] = memoryMiB;
    }
  }

  /** A size not seen before gets a column, while there are any; otherwise the nearest smaller serves. */
  #columnFor(cpus: number): number {
    const known = this.#sizes.indexOf(cpus);
    if (known >= 0) return known;
    if (this.#sizes.length < columns) {
      this.#sizes.push(cpus);
      for (const [id, { hosts }] of this.#pods.entries()) {
        hosts.remeasure();
        hosts.copyMost(this.#podMost, id * columns);
      }
      this.#podOrder.remeasure();
      return this.#sizes.length - 1;
    }
    const smaller = this.#sizes.filter((size) => size < cpus);
    return this.#sizes.indexOf(Math.max(...smaller));
  }

  #podIdOf(host: HostCapacity): number {
    const name = this.#weighsPods ? podName(host) : "";
    const known = this.#podIds.get(name);
    if (known !== undefined) return known;
    const id = this.#pods.length;
    const hosts = new Shelf(this.#content, this.#nodes, this.#leaves);
    this.#pods.push({
      name,
      hosts,
      cpus: 0,
      memoryMiB: 0,
      freeCpus: 0,
      freeMemoryMiB: 0,
      share: 0,
      isTouched: false,
    });
    this.#podIds.set(name, id);
    if (id >= this.#podLeaves.at.length) {
      this.#podLeaves.at = longer(this.#podLeaves.at, 2 * id + 8, nothing);
      this.#podMost = longer(this.#podMost, (2 * id + 8) * columns, nothing);
    }
    return id;
  }

  #newPodOrder(): Shelf {
    const before = (a: number, b: number) => {
      const first = this.#pods[a];
      const second = this.#pods[b];
      return first !== undefined && second !== undefined && isBefore(first, second);
    };
    const raise = (id: number, bounds: Int32Array, at: number) => {
      for (let i = 0; i < this.#sizes.length; i++) {
        const most = this.#podMost[id * columns + i] ?? nothing;
        if (most > (bounds[at + i] ?? nothing)) bounds[at + i] = most;
      }
    };
    const used = () => this.#sizes.length;
    return new Shelf({ used, before, raise }, new Nodes(), this.#podLeaves);
  }

  get #weighsPods(): boolean {
    return this.#kind.planner === "spread";
  }

  #measure(slot: number): void {
    if (!this.#weighsPods) return;
    const { cpus, memoryMiB, freeCpus, freeMemoryMiB } = this.#outlook;
    const at = slot * 4;
    this.#counted[at] = cpus[slot] ?? 0;
    this.#counted[at + 1] = memoryMiB[slot] ?? 0;
    this.#counted[at + 2] = freeCpus[slot] ?? 0;
    this.#counted[at + 3] = freeMemoryMiB[slot] ?? 0;
  }

  #count(slot: number, id: number, sign: 1 | -1): void {
    const pod = this.#pods[id];
    if (!pod || !this.#weighsPods) return;
    const at = slot * 4;
    pod.cpus += sign * (this.#counted[at] ?? 0);
    pod.memoryMiB += sign * (this.#counted[at + 1] ?? 0);
    pod.freeCpus += sign * (this.#counted[at + 2] ?? 0);
    pod.freeMemoryMiB += sign * (this.#counted[at + 3] ?? 0);
  }

  #grow(length: number): void {
    this.#podOf = longer(this.#podOf, length, nothing);
    if (this.#weighsPods) this.#counted = longer(this.#counted, length * 4);
    this.#leaves.at = longer(this.#leaves.at, length, nothing);
  }
}

/** The emptier pod first, then by name. */
function isBefore(a: Pod, b: Pod): boolean {
  return a.share === b.share ? a.name < b.name : a.share > b.share;
}
