/**
 * The hosts that suit one kind of request, zone by zone in the order of one planner.
 *
 * A kind is everything about a request but its size and zone: tags, healthy or not. So filtering costs
 * nothing at the moment of a choice, and the planner is nothing but an order: the choice is the first
 * host in it that is big enough. The order must be the one that `rank.ts` defines.
 *
 * Views are lazy: a change of a host costs a view nothing until somebody asks it, and it costs a view
 * that nobody asks nothing at all. Catching up goes in three steps (take off what changed, put it
 * back, put the pods back), because a shelf may not be searched while an item on it has moved.
 */
import { unreachable } from "@holdfast/kernel/unreachable";
import type { Arrangement } from "./arrangement.ts";
import type { Fleet } from "./fleet.ts";
import { grown } from "./grown.ts";
import type { Planner } from "./model.ts";
import { columns, nothing } from "./nodes.ts";
import { type Outlook, row } from "./outlook.ts";
import { Pods } from "./pods.ts";
import type { Accept, Content } from "./shelf.ts";
import { Zones } from "./zones.ts";

export interface Kind {
  readonly planner: Planner;
  readonly tags: readonly string[];
  /** Hosts without concerns, or those with. */
  readonly isHealthy: boolean;
}

/** Where a slot is while a view catches up. */
const out = 0;
const on = 1;
/** Taken off, to be put back where it stands now. */
const off = 2;
/** More than capacity has changed: whether it still suits is to be seen anew. */
const edited = 3;

export class View {
  readonly #fleet: Fleet;
  readonly #outlook: Outlook;
  readonly #kind: Kind;
  readonly #content: Content;
  #hosts: Arrangement;
  /** The same where the order does not depend on what a host has left: it stays where it stands. */
  #staying: Zones | undefined;
  /**
   * What the columns of the shelves mean: column i holds the most memory that a host with at least
   * `#sizes[i]` free cpus has. The sizes are those that were asked for, so that a search for one of
   * them goes straight to its host; the first is 0, which is true of every host and serves the rest.
   */
  readonly #sizes: number[] = [0];
  /** By slot: one of the four above. */
  #states = new Uint8Array(0);
  /** Scratch, so that catching up makes no garbage. */
  readonly #moved: number[] = [];
  #seen = 0;
  #age = nothing;

  constructor(fleet: Fleet, outlook: Outlook, kind: Kind) {
    this.#fleet = fleet;
    this.#outlook = outlook;
    this.#kind = kind;
    this.#content = {
      ...this.#order(),
      used: () => this.#sizes.length,
      gives: (slot, column) => {
        const { rows } = outlook;
        const at = slot * row.length;
        const isEnough = (rows[at + row.freeCpus] ?? nothing) >= (this.#sizes[column] ?? 0);
        return isEnough ? (rows[at + row.freeMemoryMiB] ?? nothing) : nothing;
      },
    };
    this.#hosts = this.#arrange();
  }

  /** The slot of the zone's first host in order with room for this that is accepted, or -1. */
  find(zone: number, cpus: number, memoryMiB: number, accept: Accept | undefined): number {
    this.#catchUp();
    const column = this.#columnFor(cpus);
    if (this.#sizes[column] === cpus) return this.#hosts.first(zone, column, memoryMiB, accept);
    return this.#hosts.first(zone, column, memoryMiB, (slot) => {
      const free = this.#outlook.rows[slot * row.length + row.freeCpus] ?? nothing;
      return free >= cpus && (accept === undefined || accept(slot));
    });
  }

  /** Whether the planner prefers one found host to one that was found in another zone. */
  prefers(slot: number, other: number): boolean {
    return this.#hosts.isBefore(slot, other);
  }

  #catchUp(): void {
    const fleet = this.#fleet;
    if (this.#seen === fleet.changes && this.#age === fleet.age) return;
    const isFarBehind = fleet.changes - this.#seen >= fleet.size || fleet.hasForgotten(this.#seen);
    if (this.#age !== fleet.age || isFarBehind) this.#restart();
    else this.#update();
    this.#seen = fleet.changes;
    this.#age = fleet.age;
  }

  #restart(): void {
    this.#hosts = this.#arrange();
    this.#states = new Uint8Array(0);
    this.#makeRoom();
    const suiting = this.#fleet.sorted.filter((slot) => this.#suits(slot));
    for (const slot of suiting) this.#states[slot] = on;
    this.#hosts.fill(suiting);
  }

  /** A slot may come more than once in the log; the second time there is nothing left to do. */
  #update(): void {
    const fleet = this.#fleet;
    this.#makeRoom();
    for (let change = this.#seen; change < fleet.changes; change++) {
      const slot = fleet.changedAt(change);
      const state = this.#states[slot] ?? out;
      const isEdit = fleet.isEdit(change);
      if (this.#staying && !isEdit) {
        if (state === on) this.#staying.raise(slot);
        continue;
      }
      if (state === on) this.#hosts.remove(slot);
      if (isEdit && state !== edited) this.#move(slot, edited, state);
      else if (state === on) this.#move(slot, off, state);
    }
    for (const slot of this.#moved) {
      const isBack = this.#states[slot] === off || this.#suits(slot);
      this.#states[slot] = isBack ? on : out;
      if (isBack) this.#hosts.add(slot);
    }
    this.#moved.length = 0;
    this.#hosts.settle();
  }

  #move(slot: number, to: typeof off | typeof edited, from: number): void {
    this.#states[slot] = to;
    if (from !== off) this.#moved.push(slot);
  }

  #makeRoom(): void {
    const { slots } = this.#fleet;
    if (slots <= this.#states.length) return;
    const length = Math.max(slots, this.#states.length * 2);
    this.#states = grown(this.#states, new Uint8Array(length));
    this.#hosts.makeRoomFor(length);
  }

  #arrange(): Arrangement {
    const { planner } = this.#kind;
    if (planner === "spread") return new Pods(this.#fleet, this.#outlook, this.#content);
    const zones = new Zones(this.#fleet, this.#content);
    this.#staying = planner === "first-fit" ? zones : undefined;
    return zones;
  }

  #suits(slot: number): boolean {
    const host = this.#fleet.hostAt(slot);
    const { tags, isHealthy } = this.#kind;
    return (
      host !== undefined &&
      host.state === "up" &&
      host.mode === "enabled" &&
      (host.concerns.length === 0) === isHealthy &&
      tags.every((tag) => host.tags.includes(tag))
    );
  }

  #order(): Pick<Content, "key" | "before"> {
    const outlook = this.#outlook;
    const fleet = this.#fleet;
    const label = (slot: number) => fleet.labels[slot] ?? 0;
    const before = (a: number, b: number) => label(a) < label(b);
    switch (this.#kind.planner) {
      case "first-fit":
        return { key: label, before };
      case "best-fit": {
        const freeCpus = (slot: number) => outlook.rows[slot * row.length + row.freeCpus] ?? 0;
        return {
          key: (slot) => {
            const memoryMiB = outlook.rows[slot * row.length + row.freeMemoryMiB] ?? 0;
            return memoryMiB * cpuRange + Math.min(Math.max(freeCpus(slot), 0), cpuRange - 1);
          },
          before: (a, b) => {
            const cpus = freeCpus(a) - freeCpus(b);
            return cpus === 0 ? before(a, b) : cpus < 0;
          },
        };
      }
      case "spread":
        return { key: (slot) => -outlook.shareOf(slot), before };
      default:
        return unreachable(this.#kind.planner);
    }
  }

  /** A size not seen before gets a column, while there are any; otherwise the nearest smaller serves. */
  #columnFor(cpus: number): number {
    const sizes = this.#sizes;
    const known = sizes.indexOf(cpus);
    if (known >= 0) return known;
    if (sizes.length < columns) {
      sizes.push(cpus);
      this.#hosts.remeasure();
      return sizes.length - 1;
    }
    return sizes.reduce(
      (best, size, i) => (size < cpus && size > (sizes[best] ?? 0) ? i : best),
      0,
    );
  }
}

/** Memory and cpus in one key: 31 bits and this many, which a double holds. Of more free cpus than that, `before` asks. */
const cpuRange = 2 ** 21;
