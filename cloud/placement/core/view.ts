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
import { longer, type Outlook } from "./outlook.ts";
import { podName } from "./rank.ts";
import { type Content, columns, Shelf } from "./shelf.ts";

export interface Kind {
  readonly planner: Planner;
  readonly zone: string | undefined;
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
}

const nothing = -1;

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
  #podIds = new Map<string, number>();
  #pods: Pod[] = [];
  #podOrder: Shelf;
  readonly #podLeaves = { at: new Int32Array(0) };
  readonly #leaves = { at: new Int32Array(0) };
  /** By slot: the pod on whose shelf the host stands, or -1. */
  #podOf = new Int32Array(0);
  /** By slot, four numbers: what the host added to its pod, to take out the same again. Spread only. */
  #counted = new Int32Array(0);
  #seen = 0;
  #age = nothing;

  constructor(fleet: Fleet, outlook: Outlook, kind: Kind) {
    this.#fleet = fleet;
    this.#outlook = outlook;
    this.#kind = kind;
    this.#content = {
      before: this.#order(),
      raise: (slot, bounds, at) => this.#raise(slot, bounds, at),
    };
    this.#podOrder = this.#newPodOrder();
  }

  /** The slot of the first host in order with room for this that is accepted, or -1. */
  find(cpus: number, memoryMiB: number, accept: ((slot: number) => boolean) | undefined): number {
    this.#catchUp();
    const { freeCpus, freeMemoryMiB } = this.#outlook;
    const fits = (slot: number) =>
      (freeMemoryMiB[slot] ?? nothing) >= memoryMiB &&
      (freeCpus[slot] ?? nothing) >= cpus &&
      (accept === undefined || accept(slot));
    const column = this.#columnFor(cpus);
    let found = nothing;
    this.#podOrder.first(column, memoryMiB, (pod) => {
      found = this.#pods[pod]?.hosts.first(column, memoryMiB, fits) ?? nothing;
      return found !== nothing;
    });
    return found;
  }

  #catchUp(): void {
    const fleet = this.#fleet;
    if (this.#seen === fleet.changes && this.#age === fleet.age) return;
    if (fleet.slots > this.#podOf.length) this.#grow(Math.max(fleet.slots, this.#podOf.length * 2));
    const changed = new Set<number>();
    const follows = this.#age === fleet.age && fleet.changes - this.#seen < fleet.size;
    if (follows && fleet.changedSince(this.#seen, (slot) => changed.add(slot)))
      this.#update(changed);
    else this.#restart();
    this.#seen = fleet.changes;
    this.#age = fleet.age;
  }

  #restart(): void {
    this.#podIds = new Map();
    this.#pods = [];
    this.#podOrder = this.#newPodOrder();
    this.#podOf.fill(nothing);
    this.#update(this.#fleet.sorted);
  }

  #update(slots: Iterable<number>): void {
    const touched = new Set<number>();
    for (const slot of slots) {
      const pod = this.#podOf[slot] ?? nothing;
      if (pod === nothing) continue;
      this.#touch(pod, touched);
      this.#pods[pod]?.hosts.remove(slot);
      this.#count(slot, pod, -1);
      this.#podOf[slot] = nothing;
    }
    for (const slot of slots) {
      const host = this.#fleet.hostAt(slot);
      if (!host || !this.#suits(host)) continue;
      const pod = this.#podIdOf(host);
      this.#touch(pod, touched);
      this.#measure(slot);
      this.#count(slot, pod, 1);
      this.#pods[pod]?.hosts.add(slot);
      this.#podOf[slot] = pod;
    }
    for (const id of touched) {
      const pod = this.#pods[id];
      if (!pod || pod.hosts.size === 0) continue;
      pod.share = freeShare(pod);
      this.#podOrder.add(id);
    }
  }

  /** A pod whose hosts change must leave its place before they do. */
  #touch(id: number, touched: Set<number>): void {
    if (touched.has(id)) return;
    touched.add(id);
    if ((this.#pods[id]?.hosts.size ?? 0) > 0) this.#podOrder.remove(id);
  }

  #suits(host: HostCapacity): boolean {
    const { zone, tags, isHealthy } = this.#kind;
    return (
      host.state === "up" &&
      host.mode === "enabled" &&
      (zone === undefined || host.zone === zone) &&
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
      for (const { hosts } of this.#pods) hosts.remeasure();
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
    const hosts = new Shelf(this.#content, this.#leaves);
    this.#pods.push({
      name,
      hosts,
      cpus: 0,
      memoryMiB: 0,
      freeCpus: 0,
      freeMemoryMiB: 0,
      share: 0,
    });
    this.#podIds.set(name, id);
    if (id >= this.#podLeaves.at.length)
      this.#podLeaves.at = longer(this.#podLeaves.at, 2 * id + 8, nothing);
    return id;
  }

  #newPodOrder(): Shelf {
    const before = (a: number, b: number) => {
      const first = this.#pods[a];
      const second = this.#pods[b];
      if (!first || !second) return false;
      return first.share === second.share ? first.name < second.name : first.share > second.share;
    };
    const raise = (id: number, bounds: Int32Array, at: number) => {
      for (let i = 0; i < this.#sizes.length; i++) {
        const most = this.#pods[id]?.hosts.most(i) ?? nothing;
        if (most > (bounds[at + i] ?? nothing)) bounds[at + i] = most;
      }
    };
    return new Shelf({ before, raise }, this.#podLeaves);
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
