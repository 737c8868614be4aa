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
import type { Fleet } from "./fleet.ts";
import type { HostCapacity, Planner } from "./model.ts";
import { columns, nothing } from "./nodes.ts";
import { longer, type Outlook, row } from "./outlook.ts";
import { Pods } from "./pods.ts";
import { podName } from "./rank.ts";
import type { Content } from "./shelf.ts";

export interface Kind {
  readonly planner: Planner;
  readonly zone: string;
  readonly tags: readonly string[];
  /** Hosts without concerns, or those with. */
  readonly isHealthy: boolean;
}

export class View {
  readonly #fleet: Fleet;
  readonly #outlook: Outlook;
  readonly #kind: Kind;
  readonly #isWeighed: boolean;
  readonly #content: Content;
  #pods: Pods;
  /**
   * What the columns of the shelves mean: column i holds the most memory that a host with at least
   * `#sizes[i]` free cpus has. The sizes are those that were asked for, so that a search for one of
   * them goes straight to its host; the first is 0, which is true of every host and serves the rest.
   */
  readonly #sizes: number[] = [0];
  /** By slot: the pod in which the host stands; or -1; or, while it is off the shelf, `-2 - pod`. */
  #podOf = new Int32Array(0);
  /** Scratch, so that catching up makes no garbage. */
  readonly #off: number[] = [];
  readonly #edited: number[] = [];
  #seen = 0;
  #age = nothing;

  constructor(fleet: Fleet, outlook: Outlook, kind: Kind) {
    this.#fleet = fleet;
    this.#outlook = outlook;
    this.#kind = kind;
    this.#isWeighed = kind.planner === "spread";
    this.#content = {
      used: () => this.#sizes.length,
      before: this.#order(),
      raise: (slot, bounds, at) => this.#raise(slot, bounds, at),
    };
    this.#pods = new Pods(outlook, this.#content, this.#isWeighed);
  }

  /** The slot of the first host in order with room for this that is accepted, or -1. */
  find(cpus: number, memoryMiB: number, accept: ((slot: number) => boolean) | undefined): number {
    this.#catchUp();
    const column = this.#columnFor(cpus);
    const { rows } = this.#outlook;
    return this.#pods.first(
      column,
      memoryMiB,
      (slot) =>
        (rows[slot * row.length + row.freeMemoryMiB] ?? nothing) >= memoryMiB &&
        (rows[slot * row.length + row.freeCpus] ?? nothing) >= cpus &&
        (accept === undefined || accept(slot)),
    );
  }

  /** Whether the planner prefers a host of this view to one of another zone's view. */
  prefers(slot: number, other: View, otherSlot: number): boolean {
    if (!this.#isWeighed) return this.#content.before(slot, otherSlot);
    const theirs = other.#podOf[otherSlot] ?? nothing;
    return this.#pods.isBefore(this.#podOf[slot] ?? nothing, other.#pods, theirs);
  }

  #catchUp(): void {
    const fleet = this.#fleet;
    if (this.#seen === fleet.changes && this.#age === fleet.age) return;
    if (fleet.slots > this.#podOf.length)
      this.#podOf = longer(this.#podOf, Math.max(fleet.slots, this.#podOf.length * 2), nothing);
    this.#pods.makeRoomFor(fleet.slots);
    const isFarBehind = fleet.changes - this.#seen >= fleet.size || fleet.hasForgotten(this.#seen);
    if (this.#age !== fleet.age || isFarBehind) this.#restart();
    else this.#update();
    this.#seen = fleet.changes;
    this.#age = fleet.age;
  }

  #restart(): void {
    this.#pods = new Pods(this.#outlook, this.#content, this.#isWeighed);
    this.#pods.makeRoomFor(this.#fleet.slots);
    this.#podOf.fill(nothing);
    for (const slot of this.#fleet.sorted) this.#look(slot);
    this.#pods.settle();
  }

  /** A slot may come more than once in the log; the second time there is nothing left to do. */
  #update(): void {
    const fleet = this.#fleet;
    const isFixedOrder = this.#kind.planner === "first-fit";
    for (let change = this.#seen; change < fleet.changes; change++) {
      const slot = fleet.changedAt(change);
      const pod = this.#podOf[slot] ?? nothing;
      const isEdit = fleet.isEdit(change);
      if (pod >= 0) {
        if (isFixedOrder && !isEdit) this.#pods.remeasure(slot, pod);
        else this.#takeOff(slot, pod);
      }
      if (!isEdit) continue;
      this.#podOf[slot] = nothing; // Whether it still suits, and where it stands, is to be seen anew.
      this.#edited.push(slot);
    }
    for (const slot of this.#off) {
      const place = this.#podOf[slot] ?? nothing;
      if (place < nothing) this.#putOn(slot, -2 - place);
    }
    for (const slot of this.#edited) if (this.#podOf[slot] === nothing) this.#look(slot);
    this.#off.length = 0;
    this.#edited.length = 0;
    this.#pods.settle();
  }

  #look(slot: number): void {
    const host = this.#fleet.hostAt(slot);
    if (!host || !this.#suits(host)) return;
    this.#putOn(slot, this.#pods.idOf(this.#isWeighed ? podName(host) : ""));
  }

  #takeOff(slot: number, pod: number): void {
    this.#pods.remove(slot, pod);
    this.#podOf[slot] = -2 - pod;
    this.#off.push(slot);
  }

  #putOn(slot: number, pod: number): void {
    this.#pods.add(slot, pod);
    this.#podOf[slot] = pod;
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
    const free = (slot: number, what: number) => outlook.rows[slot * row.length + what] ?? 0;
    switch (this.#kind.planner) {
      case "first-fit":
        return byName;
      case "best-fit":
        return (a, b) => {
          const memory = free(a, row.freeMemoryMiB) - free(b, row.freeMemoryMiB);
          if (memory !== 0) return memory < 0;
          const cpus = free(a, row.freeCpus) - free(b, row.freeCpus);
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
    const { rows } = this.#outlook;
    const cpus = rows[slot * row.length + row.freeCpus] ?? nothing;
    const memoryMiB = rows[slot * row.length + row.freeMemoryMiB] ?? nothing;
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
      this.#pods.remeasureAll();
      return this.#sizes.length - 1;
    }
    const smaller = this.#sizes.filter((size) => size < cpus);
    return this.#sizes.indexOf(Math.max(...smaller));
  }
}
