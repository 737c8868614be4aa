/**
 * The hosts of one view pod by pod: those of each pod on a shelf of their own, and the pods of each zone
 * in order, the emptiest first. For planners that weigh pods.
 *
 * A pod's weight changes with each of its hosts, so before one of them changes, its pod must be taken
 * out of the order (`touch`), and when all have changed, all pods are put back (`settle`). In between
 * there is no order to search in.
 */
import type { Arrangement } from "./arrangement.ts";
import { freeShare } from "./capacity.ts";
import type { Fleet } from "./fleet.ts";
import { grown } from "./grown.ts";
import { Nodes, nothing } from "./nodes.ts";
import { type Outlook, row } from "./outlook.ts";
import { type Accept, type Content, type Leaves, Shelf } from "./shelf.ts";

export class Pods implements Arrangement {
  readonly #fleet: Fleet;
  readonly #outlook: Outlook;
  readonly #content: Content;
  /** Shared by the shelves of all pods. */
  readonly #nodes = new Nodes();
  readonly #leaves: Leaves = { at: new Int32Array(0) };
  /** By pod. */
  readonly #shelves: (Shelf | undefined)[] = [];
  /** By zone: its pods in order. A pod without hosts is not in it. */
  readonly #orders: (Shelf | undefined)[] = [];
  readonly #order: Content;
  readonly #orderNodes = new Nodes();
  readonly #orderLeaves: Leaves = { at: new Int32Array(0) };
  /** By pod: how empty it is, and what its hosts have in sum. */
  #shares = new Float64Array(0);
  #sums = new Float64Array(0);
  /** By slot: the pod in which it stands, and what it added to the sums, to take out the same again. */
  #podOf = new Int32Array(0);
  #counted = new Int32Array(0);
  #isTouched = new Uint8Array(0);
  readonly #touched: number[] = [];

  /** `content` is about hosts. */
  constructor(fleet: Fleet, outlook: Outlook, content: Content) {
    this.#fleet = fleet;
    this.#outlook = outlook;
    this.#content = content;
    this.#order = {
      used: () => content.used(),
      key: (pod) => -(this.#shares[pod] ?? 0),
      before: (a, b) => fleet.places.nameOf(a) < fleet.places.nameOf(b),
      gives: (pod, column) => this.#shelves[pod]?.most(column) ?? nothing,
    };
  }

  makeRoomFor(slots: number): void {
    this.#leaves.at = grown(this.#leaves.at, new Int32Array(slots).fill(nothing));
    this.#podOf = grown(this.#podOf, new Int32Array(slots));
    this.#counted = grown(this.#counted, new Int32Array(slots * row.length));
  }

  fill(slots: readonly number[]): void {
    const byPod = new Map<number, number[]>();
    for (const slot of slots) {
      const pod = this.#countIn(slot);
      const those = byPod.get(pod);
      if (those) those.push(slot);
      else byPod.set(pod, [slot]);
    }
    for (const [pod, those] of byPod) {
      this.#touch(pod);
      this.#shelf(pod).fill(those);
    }
    this.settle();
  }

  add(slot: number): void {
    const pod = this.#countIn(slot);
    this.#touch(pod);
    this.#shelf(pod).add(slot);
  }

  remove(slot: number): void {
    const pod = this.#podOf[slot] ?? 0;
    this.#touch(pod);
    this.#shelf(pod).remove(slot);
    this.#countOut(slot, pod);
  }

  /** Puts the pods back whose hosts have changed. */
  settle(): void {
    for (const pod of this.#touched) {
      this.#isTouched[pod] = 0;
      if (this.#shelf(pod).size === 0) continue;
      this.#weigh(pod);
      this.#orderOf(pod).add(pod);
    }
    this.#touched.length = 0;
  }

  remeasure(): void {
    for (const shelf of this.#shelves) shelf?.remeasure();
    for (const order of this.#orders) order?.remeasure();
  }

  first(zone: number, column: number, least: number, accept?: Accept): number {
    let found = nothing;
    this.#orders[zone]?.first(column, least, (pod) => {
      found = this.#shelf(pod).first(column, least, accept);
      return found !== nothing;
    });
    return found;
  }

  isBefore(a: number, b: number): boolean {
    const [podA, podB] = [this.#podOf[a] ?? 0, this.#podOf[b] ?? 0];
    const { key, before } = this.#order;
    const [ours, theirs] = [key(podA), key(podB)];
    return ours === theirs ? before(podA, podB) : ours < theirs;
  }

  #touch(pod: number): void {
    if (pod >= this.#isTouched.length) this.#grow(2 * pod + 8);
    if (this.#isTouched[pod] === 1) return;
    this.#isTouched[pod] = 1;
    this.#touched.push(pod);
    if (this.#shelf(pod).size > 0) this.#orderOf(pod).remove(pod);
  }

  #shelf(pod: number): Shelf {
    let shelf = this.#shelves[pod];
    if (!shelf) {
      shelf = new Shelf(this.#content, this.#nodes, this.#leaves);
      this.#shelves[pod] = shelf;
    }
    return shelf;
  }

  #orderOf(pod: number): Shelf {
    const zone = this.#fleet.places.zoneOf(pod);
    let order = this.#orders[zone];
    if (!order) {
      order = new Shelf(this.#order, this.#orderNodes, this.#orderLeaves);
      this.#orders[zone] = order;
    }
    return order;
  }

  /** Returns the pod. */
  #countIn(slot: number): number {
    const pod = this.#fleet.podAt(slot);
    if (pod >= this.#isTouched.length) this.#grow(2 * pod + 8);
    this.#podOf[slot] = pod;
    const { rows } = this.#outlook;
    for (let i = 0; i < row.length; i++) {
      const amount = rows[slot * row.length + i] ?? 0;
      this.#counted[slot * row.length + i] = amount;
      this.#sums[pod * row.length + i] = (this.#sums[pod * row.length + i] ?? 0) + amount;
    }
    return pod;
  }

  #countOut(slot: number, pod: number): void {
    for (let i = 0; i < row.length; i++) {
      const amount = this.#counted[slot * row.length + i] ?? 0;
      this.#sums[pod * row.length + i] = (this.#sums[pod * row.length + i] ?? 0) - amount;
    }
  }

  #weigh(pod: number): void {
    const at = pod * row.length;
    this.#shares[pod] = freeShare({
      cpus: this.#sums[at + row.cpus] ?? 0,
      memoryMiB: this.#sums[at + row.memoryMiB] ?? 0,
      freeCpus: this.#sums[at + row.freeCpus] ?? 0,
      freeMemoryMiB: this.#sums[at + row.freeMemoryMiB] ?? 0,
    });
  }

  #grow(length: number): void {
    this.#orderLeaves.at = grown(this.#orderLeaves.at, new Int32Array(length).fill(nothing));
    this.#shares = grown(this.#shares, new Float64Array(length));
    this.#sums = grown(this.#sums, new Float64Array(length * row.length));
    this.#isTouched = grown(this.#isTouched, new Uint8Array(length));
  }
}
