/**
 * The pods of one view: the hosts of each on a shelf of their own, and the pods in order, the emptiest
 * first. Planners that do not weigh pods put all hosts into one.
 *
 * A pod's weight changes with each of its hosts, so before one of them changes, its pod must be taken
 * out of the order (`touch`), and when all have changed, all pods are put back (`settle`). In between
 * there is no order to search in.
 */
import { freeShare } from "./capacity.ts";
import { columns, Nodes, nothing } from "./nodes.ts";
import { longer, type Outlook, row } from "./outlook.ts";
import { type Content, type Leaves, Shelf } from "./shelf.ts";

export class Pods {
  readonly #outlook: Outlook;
  readonly #content: Content;
  readonly #isWeighed: boolean;
  /** Shared by the shelves of all pods. */
  readonly #nodes = new Nodes();
  readonly #leaves: Leaves = { at: new Int32Array(0) };
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #shelves: Shelf[] = [];
  readonly #order: Shelf;
  readonly #orderLeaves: Leaves = { at: new Int32Array(0) };
  /** By pod: how empty it is, what its biggest host can give, and what its hosts have in sum. */
  #shares = new Float64Array(0);
  #most = new Int32Array(0);
  #sums = new Float64Array(0);
  /** By slot: what the host added to the sums, to take out the same again. */
  #counted = new Int32Array(0);
  readonly #isTouched: boolean[] = [];
  readonly #touched: number[] = [];

  /** `content` is about hosts; `isWeighed` says whether there is more than one pod and an order. */
  constructor(outlook: Outlook, content: Content, isWeighed: boolean) {
    this.#outlook = outlook;
    this.#content = content;
    this.#isWeighed = isWeighed;
    this.#order = new Shelf(
      {
        used: () => content.used(),
        before: (a, b) => this.isBefore(a, this, b),
        raise: (id, bounds, at) => this.#raise(id, bounds, at),
      },
      new Nodes(),
      this.#orderLeaves,
    );
  }

  /** Call before the first slot of this number or a higher one comes. */
  makeRoomFor(slots: number): void {
    if (slots <= this.#leaves.at.length) return;
    const length = Math.max(slots, this.#leaves.at.length * 2);
    this.#leaves.at = longer(this.#leaves.at, length, nothing);
    if (this.#isWeighed) this.#counted = longer(this.#counted, length * row.length);
  }

  idOf(name: string): number {
    return this.#ids.get(name) ?? this.#newPod(name);
  }

  /** Whether one of our pods stands before one of these: the emptier first, then by name. */
  isBefore(id: number, others: Pods, otherId: number): boolean {
    const ours = this.#shares[id] ?? 0;
    const theirs = others.#shares[otherId] ?? 0;
    if (ours !== theirs) return ours > theirs;
    return (this.#names[id] ?? "") < (others.#names[otherId] ?? "");
  }

  add(slot: number, id: number): void {
    this.#touch(id);
    if (this.#isWeighed) this.#countIn(slot, id);
    this.#shelves[id]?.add(slot);
  }

  remove(slot: number, id: number): void {
    this.#touch(id);
    this.#shelves[id]?.remove(slot);
    if (this.#isWeighed) this.#countOut(slot, id);
  }

  /** What a host can give has changed, in an order that does not depend on it. */
  remeasure(slot: number, id: number): void {
    this.#shelves[id]?.remeasureOne(slot);
  }

  /** A column has come into use. */
  remeasureAll(): void {
    for (const [id, shelf] of this.#shelves.entries()) {
      shelf.remeasure();
      if (this.#isWeighed) shelf.copyMost(this.#most, id * columns);
    }
    this.#order.remeasure();
  }

  /** Puts the pods back whose hosts have changed. */
  settle(): void {
    for (const id of this.#touched) {
      const shelf = this.#shelves[id];
      this.#isTouched[id] = false;
      if (!shelf || shelf.size === 0) continue;
      this.#weigh(id);
      shelf.copyMost(this.#most, id * columns);
      this.#order.add(id);
    }
    this.#touched.length = 0;
  }

  /** The first host of the first pod that has one which is accepted; bounds as in `Shelf.first`. */
  first(column: number, least: number, accept: (slot: number) => boolean): number {
    if (!this.#isWeighed) return this.#shelves[0]?.first(column, least, accept) ?? nothing;
    let found = nothing;
    this.#order.first(column, least, (id) => {
      found = this.#shelves[id]?.first(column, least, accept) ?? nothing;
      return found !== nothing;
    });
    return found;
  }

  #touch(id: number): void {
    if (!this.#isWeighed || this.#isTouched[id]) return;
    this.#isTouched[id] = true;
    this.#touched.push(id);
    if ((this.#shelves[id]?.size ?? 0) > 0) this.#order.remove(id);
  }

  #newPod(name: string): number {
    const id = this.#shelves.length;
    this.#shelves.push(new Shelf(this.#content, this.#nodes, this.#leaves));
    this.#ids.set(name, id);
    this.#names.push(name);
    if (this.#isWeighed && id >= this.#shares.length) this.#grow(2 * id + 8);
    return id;
  }

  #raise(id: number, bounds: Int32Array, at: number): void {
    const used = this.#content.used();
    for (let i = 0; i < used; i++) {
      const most = this.#most[id * columns + i] ?? nothing;
      if (most > (bounds[at + i] ?? nothing)) bounds[at + i] = most;
    }
  }

  #countIn(slot: number, id: number): void {
    const { rows } = this.#outlook;
    for (let i = 0; i < row.length; i++) {
      const amount = rows[slot * row.length + i] ?? 0;
      this.#counted[slot * row.length + i] = amount;
      this.#sums[id * row.length + i] = (this.#sums[id * row.length + i] ?? 0) + amount;
    }
  }

  #countOut(slot: number, id: number): void {
    for (let i = 0; i < row.length; i++) {
      const amount = this.#counted[slot * row.length + i] ?? 0;
      this.#sums[id * row.length + i] = (this.#sums[id * row.length + i] ?? 0) - amount;
    }
  }

  #weigh(id: number): void {
    const at = id * row.length;
    this.#shares[id] = freeShare({
      cpus: this.#sums[at + row.cpus] ?? 0,
      memoryMiB: this.#sums[at + row.memoryMiB] ?? 0,
      freeCpus: this.#sums[at + row.freeCpus] ?? 0,
      freeMemoryMiB: this.#sums[at + row.freeMemoryMiB] ?? 0,
    });
  }

  #grow(length: number): void {
    this.#orderLeaves.at = longer(this.#orderLeaves.at, length, nothing);
    this.#most = longer(this.#most, length * columns, nothing);
    const shares = new Float64Array(length);
    shares.set(this.#shares);
    this.#shares = shares;
    const sums = new Float64Array(length * row.length);
    sums.set(this.#sums);
    this.#sums = sums;
  }
}
