/**
 * Items in an order, and the first of them that is big enough: a B+ tree over small whole numbers.
 *
 * Each node knows how much its biggest item can give, in several columns (see `view.ts`), so a search
 * skips whole branches. The order may depend on numbers that change, so an item whose numbers changed
 * must be taken off *first* and put back after: between the two nobody may look at its place. Taking
 * off needs no comparison, which is why all changed items can be taken off after the numbers moved.
 *
 * Why not a heap: it knows only its best item, and a search must pass by items that are too small.
 * Why not a binary tree: at 100,000 hosts its time goes into cache misses.
 */

/** What a shelf must know about its items. */
export interface Content {
  /** Whether `a` stands before `b`. Strict, and total: of two different items one is before. */
  before(a: number, b: number): boolean;
  /** Raises the `columns` numbers from `bounds[at]` on to what this item can give. */
  raise(item: number, bounds: Int32Array, at: number): void;
}

/** On which leaf each item stands, by item. Its owner keeps it longer than the highest item. */
export interface Leaves {
  at: Int32Array;
}

/** Numbers per node. */
export const columns = 16;
/** Entries per node. Thirty-two neighbours are two cache lines, and 100,000 items are four levels. */
const width = 32;
const nothing = -1;

export class Shelf {
  readonly #content: Content;
  /** Node by node, `width` places each: items in a leaf, nodes in a branch. */
  #entries = new Int32Array(width);
  #bounds = new Int32Array(columns).fill(nothing);
  /** The first item at or below each node. */
  #first = new Int32Array(1).fill(nothing);
  #parent = new Int32Array(1).fill(nothing);
  #count = new Uint8Array(1);
  #isBranch = new Uint8Array(1);
  #nodes = 1;
  readonly #vacant: number[] = [];
  #root = 0;
  /** The leaf on which each item stands. */
  readonly #leafOf: Leaves;
  readonly #before = new Int32Array(columns);
  #size = 0;

  /** `leafOf` may be shared by shelves that never hold the same item. */
  constructor(content: Content, leafOf: Leaves) {
    this.#content = content;
    this.#leafOf = leafOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many nodes are in use, to see that a shelf which shrinks gives its room back. */
  get nodes(): number {
    return this.#nodes - this.#vacant.length;
  }

  /** What the biggest item here can give in this column, or -1. */
  most(column: number): number {
    return this.#bounds[this.#root * columns + column] ?? nothing;
  }

  /**
   * The first item in order that is accepted, or -1. A branch whose most in this column is below
   * `least` is not even looked at; whether one item really fits is for `accept` to say.
   */
  first(column: number, least: number, accept: (item: number) => boolean): number {
    if (this.most(column) < least) return nothing;
    return this.#search(this.#root, column, least, accept);
  }

  add(item: number): void {
    let node = this.#root;
    while (this.#isBranch[node]) node = this.#at(node, Math.max(0, this.#placeOf(node, item) - 1));
    this.#insert(node, this.#placeOf(node, item), item);
    this.#size += 1;
  }

  remove(item: number): void {
    const leaf = this.#leafOf.at[item] ?? nothing;
    this.#leafOf.at[item] = nothing;
    this.#size -= 1;
    this.#takeOut(leaf, this.#indexOf(leaf, item));
  }

  /** What the items can give has changed in every column, but not their order. */
  remeasure(): void {
    const visit = (node: number) => {
      if (this.#isBranch[node]) for (const child of this.#row(node)) visit(child);
      this.#measure(node);
    };
    visit(this.#root);
  }

  *items(): Generator<number> {
    yield* this.#walk(this.#root);
  }

  *#walk(node: number): Generator<number> {
    if (!this.#isBranch[node]) yield* this.#row(node).slice();
    else for (const child of this.#row(node).slice()) yield* this.#walk(child);
  }

  #search(node: number, column: number, least: number, accept: (item: number) => boolean): number {
    const start = node * width;
    const end = start + (this.#count[node] ?? 0);
    if (this.#isBranch[node]) {
      for (let i = start; i < end; i++) {
        const child = this.#entries[i] ?? nothing;
        if ((this.#bounds[child * columns + column] ?? nothing) < least) continue;
        const found = this.#search(child, column, least, accept);
        if (found !== nothing) return found;
      }
      return nothing;
    }
    for (let i = start; i < end; i++) {
      const item = this.#entries[i] ?? nothing;
      if (accept(item)) return item;
    }
    return nothing;
  }

  /** How many entries of `node` stand before `item`, by halving. */
  #placeOf(node: number, item: number): number {
    const isBranch = this.#isBranch[node];
    let low = 0;
    let high = this.#count[node] ?? 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#at(node, middle);
      const other = isBranch ? (this.#first[entry] ?? nothing) : entry;
      if (this.#content.before(other, item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(node: number, place: number, entry: number): void {
    if (this.#count[node] === width) {
      const right = this.#split(node);
      const half = this.#count[node] ?? 0;
      if (place > half) {
        this.#insert(right, place - half, entry);
        return;
      }
    }
    const start = node * width;
    const count = this.#count[node] ?? 0;
    this.#entries.copyWithin(start + place + 1, start + place, start + count);
    this.#entries[start + place] = entry;
    this.#count[node] = count + 1;
    this.#adopt(node, entry);
    if (place === 0) this.#renameFirst(node);
    this.#refresh(node);
  }

  /** Moves the upper half of a full node into a new one to its right, and returns that. */
  #split(node: number): number {
    const right = this.#newNode(this.#isBranch[node] ?? 0);
    const half = width / 2;
    const from = node * width;
    this.#entries.copyWithin(right * width, from + half, from + width);
    this.#count[node] = half;
    this.#count[right] = width - half;
    for (const entry of this.#row(right)) this.#adopt(right, entry);
    this.#setFirst(right);
    this.#measure(node);
    this.#measure(right);
    if (node === this.#root) {
      this.#root = this.#newNode(1);
      this.#insert(this.#root, 0, node);
    }
    const parent = this.#parent[node] ?? nothing;
    this.#insert(parent, this.#indexOf(parent, node) + 1, right);
    return right;
  }

  #takeOut(node: number, place: number): void {
    const start = node * width;
    const count = (this.#count[node] ?? 0) - 1;
    this.#entries.copyWithin(start + place, start + place + 1, start + count + 1);
    this.#count[node] = count;
    const parent = this.#parent[node] ?? nothing;
    if (count === 0 && parent !== nothing) {
      this.#vacant.push(node);
      this.#takeOut(parent, this.#indexOf(parent, node));
      return;
    }
    if (count === 0) this.#isBranch[node] = 0; // The last leaf went: begin again as an empty leaf.
    if (place === 0) this.#renameFirst(node);
    if (parent !== nothing && count <= width / 4 && this.#mergeWithNeighbour(node, parent)) return;
    this.#refresh(node);
    if (node === this.#root) this.#lowerRoot();
  }

  /** Two neighbours that fit into one node with room to spare become one, so that a shelf can shrink. */
  #mergeWithNeighbour(node: number, parent: number): boolean {
    const place = this.#indexOf(parent, node);
    const leftPlace = place > 0 ? place - 1 : place;
    if (leftPlace + 1 >= (this.#count[parent] ?? 0)) return false;
    const left = this.#at(parent, leftPlace);
    const right = this.#at(parent, leftPlace + 1);
    const kept = this.#count[left] ?? 0;
    const moved = this.#count[right] ?? 0;
    if (kept + moved > (width * 3) / 4) return false;
    this.#entries.copyWithin(left * width + kept, right * width, right * width + moved);
    this.#count[left] = kept + moved;
    for (const entry of this.#row(left)) this.#adopt(left, entry);
    this.#vacant.push(right);
    this.#refresh(left);
    this.#takeOut(parent, leftPlace + 1);
    return true;
  }

  #lowerRoot(): void {
    while (this.#isBranch[this.#root] && this.#count[this.#root] === 1) {
      const child = this.#at(this.#root, 0);
      this.#vacant.push(this.#root);
      this.#root = child;
      this.#parent[child] = nothing;
    }
  }

  /** Measures a node again, and those above it for as long as that changes anything. */
  #refresh(node: number): void {
    for (let at = node; at !== nothing; at = this.#parent[at] ?? nothing) {
      if (!this.#measure(at)) return;
    }
  }

  /** Returns whether the node's numbers changed. */
  #measure(node: number): boolean {
    const bounds = this.#bounds;
    const at = node * columns;
    const before = this.#before;
    for (let i = 0; i < columns; i++) {
      before[i] = bounds[at + i] ?? nothing;
      bounds[at + i] = nothing;
    }
    const start = node * width;
    const end = start + (this.#count[node] ?? 0);
    if (this.#isBranch[node]) {
      for (let place = start; place < end; place++) {
        const from = (this.#entries[place] ?? nothing) * columns;
        for (let i = 0; i < columns; i++) {
          const bound = bounds[from + i] ?? nothing;
          if (bound > (bounds[at + i] ?? nothing)) bounds[at + i] = bound;
        }
      }
    } else {
      for (let place = start; place < end; place++)
        this.#content.raise(this.#entries[place] ?? nothing, bounds, at);
    }
    for (let i = 0; i < columns; i++) if (before[i] !== bounds[at + i]) return true;
    return false;
  }

  #adopt(node: number, entry: number): void {
    if (this.#isBranch[node]) this.#parent[entry] = node;
    else this.#leafOf.at[entry] = node;
  }

  #setFirst(node: number): void {
    const entry = this.#count[node] ? this.#at(node, 0) : nothing;
    this.#first[node] = this.#isBranch[node] ? (this.#first[entry] ?? nothing) : entry;
  }

  #renameFirst(node: number): void {
    for (let at = node; at !== nothing; at = this.#parent[at] ?? nothing) {
      this.#setFirst(at);
      const parent = this.#parent[at] ?? nothing;
      if (parent === nothing || this.#at(parent, 0) !== at) return;
    }
  }

  #at(node: number, place: number): number {
    return this.#entries[node * width + place] ?? nothing;
  }

  #row(node: number): Int32Array {
    return this.#entries.subarray(node * width, node * width + (this.#count[node] ?? 0));
  }

  #indexOf(node: number, entry: number): number {
    const start = node * width;
    return this.#entries.indexOf(entry, start) - start;
  }

  #newNode(isBranch: number): number {
    const node = this.#vacant.pop() ?? this.#nodes++;
    if (node * width >= this.#entries.length) this.#grow();
    this.#bounds.fill(nothing, node * columns, (node + 1) * columns);
    this.#parent[node] = nothing;
    this.#first[node] = nothing;
    this.#count[node] = 0;
    this.#isBranch[node] = isBranch;
    return node;
  }

  #grow(): void {
    this.#entries = doubled(this.#entries, new Int32Array(this.#entries.length * 2));
    this.#bounds = doubled(this.#bounds, new Int32Array(this.#bounds.length * 2));
    this.#first = doubled(this.#first, new Int32Array(this.#first.length * 2));
    this.#parent = doubled(this.#parent, new Int32Array(this.#parent.length * 2));
    this.#count = doubled(this.#count, new Uint8Array(this.#count.length * 2));
    this.#isBranch = doubled(this.#isBranch, new Uint8Array(this.#isBranch.length * 2));
  }
}

function doubled<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
