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
import { columns, type Nodes, nothing, width } from "./nodes.ts";

/** What a shelf must know about its items. */
export interface Content {
  /** How many columns are in use, at most `columns`. */
  used(): number;
  /** Whether `a` stands before `b`. Strict, and total: of two different items one is before. */
  before(a: number, b: number): boolean;
  /** Raises the used columns, from `bounds[at]` on, to what this item can give. */
  raise(item: number, bounds: Int32Array, at: number): void;
}

/** On which leaf each item stands, by item. Its owner keeps it longer than the highest item. */
export interface Leaves {
  at: Int32Array;
}

export class Shelf {
  readonly #content: Content;
  readonly #nodes: Nodes;
  readonly #leafOf: Leaves;
  #root: number;
  #size = 0;

  /** Shelves may share nodes, and leaves too if they never hold the same item. */
  constructor(content: Content, nodes: Nodes, leafOf: Leaves) {
    this.#content = content;
    this.#nodes = nodes;
    this.#leafOf = leafOf;
    this.#root = nodes.make(0);
  }

  get size(): number {
    return this.#size;
  }

  /** What the biggest item here can give in this column, or -1. */
  most(column: number): number {
    return this.#nodes.bounds[this.#root * columns + column] ?? nothing;
  }

  /** Writes what the biggest item here can give, for every column in use, from `into[at]` on. */
  copyMost(into: Int32Array, at: number): void {
    const used = this.#content.used();
    for (let i = 0; i < used; i++) into[at + i] = this.most(i);
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
    while (this.#nodes.isBranch[node])
      node = this.#nodes.at(node, Math.max(0, this.#placeOf(node, item) - 1));
    this.#insert(node, this.#placeOf(node, item), item);
    this.#size += 1;
  }

  remove(item: number): void {
    const leaf = this.#leafOf.at[item] ?? nothing;
    this.#leafOf.at[item] = nothing;
    this.#size -= 1;
    this.#takeOut(leaf, this.#nodes.indexOf(leaf, item));
  }

  /** What this item can give has changed, but not its place in the order. */
  remeasureOne(item: number): void {
    this.#refresh(this.#leafOf.at[item] ?? nothing);
  }

  /** The same for all items, or a column has come into use. */
  remeasure(): void {
    this.#remeasure(this.#root);
  }

  *items(from = this.#root): Generator<number> {
    const entries = this.#nodes.row(from).slice();
    if (!this.#nodes.isBranch[from]) yield* entries;
    else for (const child of entries) yield* this.items(child);
  }

  #search(node: number, column: number, least: number, accept: (item: number) => boolean): number {
    const { entries, bounds, isBranch } = this.#nodes;
    const start = node * width;
    const end = start + this.#nodes.countOf(node);
    if (isBranch[node]) {
      for (let i = start; i < end; i++) {
        const child = entries[i] ?? nothing;
        if ((bounds[child * columns + column] ?? nothing) < least) continue;
        const found = this.#search(child, column, least, accept);
        if (found !== nothing) return found;
      }
      return nothing;
    }
    for (let i = start; i < end; i++) {
      const item = entries[i] ?? nothing;
      if (accept(item)) return item;
    }
    return nothing;
  }

  /** How many entries of `node` stand before `item`, by halving. */
  #placeOf(node: number, item: number): number {
    const { isBranch, first } = this.#nodes;
    let low = 0;
    let high = this.#nodes.countOf(node);
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#nodes.at(node, middle);
      const other = isBranch[node] ? (first[entry] ?? nothing) : entry;
      if (this.#content.before(other, item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(node: number, place: number, entry: number): void {
    if (this.#nodes.countOf(node) === width) {
      const right = this.#split(node);
      const half = this.#nodes.countOf(node);
      if (place > half) {
        this.#insert(right, place - half, entry);
        return;
      }
    }
    const { entries, count } = this.#nodes;
    const start = node * width;
    const end = start + this.#nodes.countOf(node);
    for (let i = end; i > start + place; i--) entries[i] = entries[i - 1] ?? nothing;
    entries[start + place] = entry;
    count[node] = end - start + 1;
    this.#adopt(node, entry);
    if (place === 0) this.#renameFirst(node);
    let raised = entry;
    for (let at = node; at !== nothing && this.#raise(at, raised); at = this.#nodes.parentOf(at))
      raised = at;
  }

  /** Moves the upper half of a full node into a new one to its right, and returns that. */
  #split(node: number): number {
    const nodes = this.#nodes;
    const right = nodes.make(nodes.isBranch[node] ? 1 : 0);
    const half = width / 2;
    nodes.entries.copyWithin(right * width, node * width + half, node * width + width);
    nodes.count[node] = half;
    nodes.count[right] = width - half;
    for (const entry of nodes.row(right)) this.#adopt(right, entry);
    this.#setFirst(right);
    this.#measure(node);
    this.#measure(right);
    if (node === this.#root) {
      this.#root = nodes.make(1);
      this.#insert(this.#root, 0, node);
    }
    const parent = nodes.parentOf(node);
    this.#insert(parent, nodes.indexOf(parent, node) + 1, right);
    return right;
  }

  #takeOut(node: number, place: number): void {
    const nodes = this.#nodes;
    const start = node * width;
    const count = nodes.countOf(node) - 1;
    for (let i = start + place; i < start + count; i++)
      nodes.entries[i] = nodes.entries[i + 1] ?? nothing;
    nodes.count[node] = count;
    const parent = nodes.parentOf(node);
    if (count === 0 && parent !== nothing) {
      nodes.drop(node);
      this.#takeOut(parent, nodes.indexOf(parent, node));
      return;
    }
    if (count === 0) nodes.isBranch[node] = 0; // The last leaf went: begin again as an empty leaf.
    if (place === 0) this.#renameFirst(node);
    if (parent !== nothing && count <= width / 4 && this.#mergeWithNeighbour(node, parent)) return;
    this.#refresh(node);
    if (node === this.#root) this.#lowerRoot();
  }

  /** Two neighbours that fit into one node with room to spare become one, so that a shelf can shrink. */
  #mergeWithNeighbour(node: number, parent: number): boolean {
    const nodes = this.#nodes;
    const place = nodes.indexOf(parent, node);
    const leftPlace = place > 0 ? place - 1 : place;
    if (leftPlace + 1 >= nodes.countOf(parent)) return false;
    const left = nodes.at(parent, leftPlace);
    const right = nodes.at(parent, leftPlace + 1);
    const kept = nodes.countOf(left);
    const moved = nodes.countOf(right);
    if (kept + moved > (width * 3) / 4) return false;
    nodes.entries.copyWithin(left * width + kept, right * width, right * width + moved);
    nodes.count[left] = kept + moved;
    for (const entry of nodes.row(left)) this.#adopt(left, entry);
    this.#refresh(left);
    nodes.drop(right);
    this.#takeOut(parent, leftPlace + 1);
    return true;
  }

  #lowerRoot(): void {
    const nodes = this.#nodes;
    while (nodes.isBranch[this.#root] && nodes.countOf(this.#root) === 1) {
      const child = nodes.at(this.#root, 0);
      nodes.drop(this.#root);
      this.#root = child;
      nodes.parent[child] = nothing;
    }
  }

  #remeasure(node: number): void {
    if (this.#nodes.isBranch[node])
      for (const child of this.#nodes.row(node)) this.#remeasure(child);
    this.#measure(node);
  }

  /** Measures a node again, and those above it for as long as that changes anything. */
  #refresh(node: number): void {
    let at = node;
    while (at !== nothing && this.#measure(at)) at = this.#nodes.parentOf(at);
  }

  /** Returns whether the node's numbers changed. */
  #measure(node: number): boolean {
    const { bounds } = this.#nodes;
    const at = node * columns;
    const used = this.#content.used();
    for (let i = 0; i < used; i++) {
      before[i] = bounds[at + i] ?? nothing;
      bounds[at + i] = nothing;
    }
    const start = node * width;
    const end = start + this.#nodes.countOf(node);
    for (let place = start; place < end; place++)
      this.#raiseTo(node, this.#nodes.entries[place] ?? nothing);
    for (let i = 0; i < used; i++) if (before[i] !== bounds[at + i]) return true;
    return false;
  }

  /** An entry was added and nothing taken away: numbers only rise. Returns whether they did. */
  #raise(node: number, entry: number): boolean {
    const { bounds } = this.#nodes;
    const at = node * columns;
    const used = this.#content.used();
    for (let i = 0; i < used; i++) before[i] = bounds[at + i] ?? nothing;
    this.#raiseTo(node, entry);
    for (let i = 0; i < used; i++) if (before[i] !== bounds[at + i]) return true;
    return false;
  }

  #raiseTo(node: number, entry: number): void {
    const { bounds, isBranch } = this.#nodes;
    const at = node * columns;
    if (!isBranch[node]) {
      this.#content.raise(entry, bounds, at);
      return;
    }
    const from = entry * columns;
    const used = this.#content.used();
    for (let i = 0; i < used; i++) {
      const bound = bounds[from + i] ?? nothing;
      if (bound > (bounds[at + i] ?? nothing)) bounds[at + i] = bound;
    }
  }

  #adopt(node: number, entry: number): void {
    if (this.#nodes.isBranch[node]) this.#nodes.parent[entry] = node;
    else this.#leafOf.at[entry] = node;
  }

  #setFirst(node: number): void {
    const { first, isBranch } = this.#nodes;
    const entry = this.#nodes.countOf(node) > 0 ? this.#nodes.at(node, 0) : nothing;
    first[node] = isBranch[node] ? (first[entry] ?? nothing) : entry;
  }

  #renameFirst(node: number): void {
    for (let at = node; at !== nothing; at = this.#nodes.parentOf(at)) {
      this.#setFirst(at);
      const parent = this.#nodes.parentOf(at);
      if (parent === nothing || this.#nodes.at(parent, 0) !== at) return;
    }
  }
}

/** Scratch for comparing a node's numbers with what they were; never holds anything between two calls. */
const before = new Int32Array(columns);
