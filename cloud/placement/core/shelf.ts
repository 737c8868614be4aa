/**
 * Items in an order, and the first of them that is big enough: a B+ tree over small whole numbers.
 *
 * Each node has bounds, in several columns (see `view.ts`): nothing below it can give more, so a search
 * skips whole branches. A bound may be too high, never too low. Whatever makes an item smaller or takes it
 * off therefore changes no bound at all; the search that was led astray by one corrects it on its way back,
 * and no other search walks there again. So giving capacity out, which is what happens most, is nearly free.
 *
 * The order may depend on numbers that change, so an item whose numbers changed must be taken off
 * *first* and put back after: between the two nobody may look at its place. Taking off needs no
 * comparison, which is why all changed items can be taken off after the numbers moved.
 *
 * Why not a heap: it knows only its best item, and a search must pass by items that are too small.
 * Why not a binary tree: at 100,000 hosts its time goes into cache misses.
 */
import { columns, type Nodes, nothing, width } from "./nodes.ts";

/** What a shelf must know about its items. */
export interface Content {
  /** How many columns are in use, at most `columns`. */
  used(): number;
  /** The smaller key stands first. */
  key(item: number): number;
  /** Of two different items with the same key, whether `a` stands before `b`. Strict, and total. */
  before(a: number, b: number): boolean;
  /** What this item can give in a column. */
  gives(item: number, column: number): number;
}

export type Accept = (item: number) => boolean;

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

  /** No item here can give more than this in this column. */
  most(column: number): number {
    return this.#nodes.bounds[this.#root * columns + column] ?? nothing;
  }

  /** The first item in order that gives at least this in this column and is accepted, or -1. */
  first(column: number, least: number, accept?: Accept): number {
    if (this.most(column) < least) return nothing;
    return this.#search(this.#root, column, least, accept);
  }

  /** Puts many on an empty shelf. Faster than one by one, and as good. */
  fill(items: number[]): void {
    if (items.length === 0) return;
    const { key, before } = this.#content;
    const keyed = items.map((item) => ({ item, key: key(item) }));
    keyed.sort((a, b) => a.key - b.key || (before(a.item, b.item) ? -1 : 1));
    this.#nodes.drop(this.#root);
    let level = this.#level(
      keyed.map(({ item }) => item),
      0,
    );
    while (level.length > 1) level = this.#level(level, 1);
    this.#root = level[0] ?? nothing;
    this.#size = items.length;
  }

  add(item: number): void {
    const nodes = this.#nodes;
    const key = this.#content.key(item);
    let node = this.#root;
    while (nodes.isBranch[node] === 1)
      node = nodes.at(node, Math.max(0, this.#placeOf(node, item, key) - 1));
    this.#insert(node, this.#placeOf(node, item, key), item, key);
    this.#size += 1;
  }

  remove(item: number): void {
    const leaf = this.#leafOf.at[item] ?? nothing;
    this.#leafOf.at[item] = nothing;
    this.#size -= 1;
    this.#takeOut(leaf, this.#nodes.indexOf(leaf, item));
  }

  /** This item may give more than before. That it gives less is nothing to be told. */
  raise(item: number): void {
    this.#raiseFrom(this.#leafOf.at[item] ?? nothing, item);
  }

  /** Every item may give anything: a column has come into use. */
  remeasure(): void {
    this.#remeasure(this.#root);
  }

  *items(from = this.#root): Generator<number> {
    const entries = this.#nodes.row(from).slice();
    if (!this.#nodes.isBranch[from]) yield* entries;
    else for (const child of entries) yield* this.items(child);
  }

  /** Whoever comes back with nothing leaves the bound as it should have been. */
  #search(node: number, column: number, least: number, accept: Accept | undefined): number {
    const { entries, bounds, isBranch, count } = this.#nodes;
    const start = node * width;
    const end = start + (count[node] ?? 0);
    let most = nothing;
    if (isBranch[node] === 1) {
      for (let i = start; i < end; i++) {
        const at = (entries[i] ?? nothing) * columns + column;
        if ((bounds[at] ?? nothing) >= least) {
          const found = this.#search(entries[i] ?? nothing, column, least, accept);
          if (found !== nothing) return found;
        }
        most = Math.max(most, bounds[at] ?? nothing);
      }
    } else {
      for (let i = start; i < end; i++) {
        const item = entries[i] ?? nothing;
        let gives = this.#content.gives(item, column);
        if (gives >= least) {
          if (accept === undefined || accept(item)) return item;
          gives = this.#content.gives(item, column); // An item may be a shelf, whose bound was too high.
        }
        most = Math.max(most, gives);
      }
    }
    bounds[node * columns + column] = most;
    return nothing;
  }

  /** How many entries of `node` stand before `item`, by halving. */
  #placeOf(node: number, item: number, key: number): number {
    const { keys } = this.#nodes;
    const start = node * width;
    let low = start;
    let high = start + this.#nodes.countOf(node);
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = keys[middle] ?? 0;
      if (other < key || (other === key && this.#isTieBefore(node, middle, item))) low = middle + 1;
      else high = middle;
    }
    return low - start;
  }

  #isTieBefore(node: number, at: number, item: number): boolean {
    const { entries, first, isBranch } = this.#nodes;
    const entry = entries[at] ?? nothing;
    return this.#content.before(isBranch[node] === 1 ? (first[entry] ?? nothing) : entry, item);
  }

  #insert(node: number, place: number, entry: number, key: number): void {
    const nodes = this.#nodes;
    if (nodes.countOf(node) === width) {
      const right = this.#split(node);
      const half = nodes.countOf(node);
      if (place > half) {
        this.#insert(right, place - half, entry, key);
        return;
      }
    }
    nodes.open(node, place, entry, key);
    this.#adopt(node, entry);
    if (place === 0) this.#renameFirst(node);
    this.#raiseFrom(node, entry);
  }

  /** Moves the upper half of a full node into a new one to its right, and returns that. */
  #split(node: number): number {
    const nodes = this.#nodes;
    const right = nodes.make(nodes.isBranch[node] === 1 ? 1 : 0);
    const half = width / 2;
    nodes.copy(node, half, width - half, right, 0);
    nodes.count[node] = half;
    nodes.count[right] = width - half;
    for (const entry of nodes.row(right)) this.#adopt(right, entry);
    this.#setFirst(right);
    this.#measure(node);
    this.#measure(right);
    if (node === this.#root) {
      this.#root = nodes.make(1);
      this.#insert(this.#root, 0, node, this.#firstKey(node));
    }
    const parent = nodes.parentOf(node);
    this.#insert(parent, nodes.indexOf(parent, node) + 1, right, this.#firstKey(right));
    return right;
  }

  #takeOut(node: number, place: number): void {
    const nodes = this.#nodes;
    nodes.close(node, place);
    const count = nodes.countOf(node);
    const parent = nodes.parentOf(node);
    if (count === 0 && parent !== nothing) {
      nodes.drop(node);
      this.#takeOut(parent, nodes.indexOf(parent, node));
      return;
    }
    if (count === 0) this.#clear(node);
    else if (place === 0) this.#renameFirst(node);
    if (parent !== nothing && count <= width / 4) this.#mergeWithNeighbour(node, parent);
    else if (node === this.#root) this.#lowerRoot();
  }

  /** The last leaf went: begin again as an empty leaf. */
  #clear(root: number): void {
    const { isBranch, bounds } = this.#nodes;
    isBranch[root] = 0;
    bounds.fill(nothing, root * columns, (root + 1) * columns);
  }

  /** Two neighbours that fit into one node with room to spare become one, so that a shelf can shrink. */
  #mergeWithNeighbour(node: number, parent: number): void {
    const nodes = this.#nodes;
    const place = nodes.indexOf(parent, node);
    const leftPlace = place > 0 ? place - 1 : place;
    if (leftPlace + 1 >= nodes.countOf(parent)) return;
    const left = nodes.at(parent, leftPlace);
    const right = nodes.at(parent, leftPlace + 1);
    const kept = nodes.countOf(left);
    const moved = nodes.countOf(right);
    if (kept + moved > (width * 3) / 4) return;
    nodes.copy(right, 0, moved, left, kept);
    nodes.count[left] = kept + moved;
    for (const entry of nodes.row(right)) this.#adopt(left, entry);
    this.#measure(left);
    nodes.drop(right);
    this.#takeOut(parent, leftPlace + 1);
  }

  #lowerRoot(): void {
    const nodes = this.#nodes;
    while (nodes.isBranch[this.#root] === 1 && nodes.countOf(this.#root) === 1) {
      const child = nodes.at(this.#root, 0);
      nodes.drop(this.#root);
      this.#root = child;
      nodes.parent[child] = nothing;
    }
  }

  /** Nodes over these entries, with some room in each. */
  #level(entries: readonly number[], isBranch: 0 | 1): number[] {
    const nodes = this.#nodes;
    const many = Math.ceil(entries.length / ((width * 3) / 4));
    return Array.from({ length: many }, (_, i) => {
      const node = nodes.make(isBranch);
      const from = Math.floor((entries.length * i) / many);
      const to = Math.floor((entries.length * (i + 1)) / many);
      for (const entry of entries.slice(from, to)) {
        const key = isBranch ? this.#firstKey(entry) : this.#content.key(entry);
        nodes.open(node, nodes.countOf(node), entry, key);
        this.#adopt(node, entry);
      }
      this.#setFirst(node);
      this.#measure(node);
      return node;
    });
  }

  #remeasure(node: number): void {
    if (this.#nodes.isBranch[node] === 1)
      for (const child of this.#nodes.row(node)) this.#remeasure(child);
    this.#measure(node);
  }

  /** As low as the bounds of its entries allow. */
  #measure(node: number): void {
    const { bounds, entries } = this.#nodes;
    bounds.fill(nothing, node * columns, (node + 1) * columns);
    const start = node * width;
    const end = start + this.#nodes.countOf(node);
    for (let place = start; place < end; place++) this.#raise(node, entries[place] ?? nothing);
  }

  /** An entry of this node may give more: so may those above, until one knew of as much. */
  #raiseFrom(node: number, entry: number): void {
    let raised = entry;
    for (let at = node; at !== nothing && this.#raise(at, raised); at = this.#nodes.parentOf(at))
      raised = at;
  }

  /** Returns whether a bound of the node rose. */
  #raise(node: number, entry: number): boolean {
    const { bounds, isBranch } = this.#nodes;
    const at = node * columns;
    const from = entry * columns;
    const isBelow = isBranch[node] === 1;
    const used = this.#content.used();
    let isRaised = false;
    for (let i = 0; i < used; i++) {
      const gives = isBelow ? (bounds[from + i] ?? nothing) : this.#content.gives(entry, i);
      if (gives <= (bounds[at + i] ?? nothing)) continue;
      bounds[at + i] = gives;
      isRaised = true;
    }
    return isRaised;
  }

  #adopt(node: number, entry: number): void {
    if (this.#nodes.isBranch[node] === 1) this.#nodes.parent[entry] = node;
    else this.#leafOf.at[entry] = node;
  }

  #firstKey(node: number): number {
    return this.#nodes.keys[node * width] ?? 0;
  }

  #setFirst(node: number): void {
    const { first, isBranch } = this.#nodes;
    const entry = this.#nodes.at(node, 0);
    first[node] = isBranch[node] === 1 ? (first[entry] ?? nothing) : entry;
  }

  /** The first item of a node is another one: those above say so too, as far as it is their first. */
  #renameFirst(node: number): void {
    const nodes = this.#nodes;
    let at = node;
    for (;;) {
      this.#setFirst(at);
      const parent = nodes.parentOf(at);
      if (parent === nothing) return;
      const place = nodes.indexOf(parent, at);
      nodes.keys[parent * width + place] = this.#firstKey(at);
      if (place > 0) return;
      at = parent;
    }
  }
}
