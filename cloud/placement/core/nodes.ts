/**
 * The nodes of shelves, as columns by number. Many small shelves may share them.
 *
 * One object with five long columns rather than one per shelf: a thousand pods would otherwise be five
 * thousand arrays scattered over memory, and a choice would spend its time waiting for them.
 */

/** Numbers per node. */
export const columns = 16;
/** Entries per node. Thirty-two neighbours are two cache lines, and 100,000 items are four levels. */
export const width = 32;
/** No node, no item, no capacity. */
export const nothing = -1;

export class Nodes {
  /** Node by node, `width` places each: items in a leaf, nodes in a branch. */
  entries = new Int32Array(width);
  /** Node by node, `columns` numbers each: the most that an item at or below it can give. */
  bounds = new Int32Array(columns);
  /** The first item at or below each node. */
  first = new Int32Array(1);
  parent = new Int32Array(1);
  count = new Uint8Array(1);
  isBranch = new Uint8Array(1);
  #made = 0;
  readonly #vacant: number[] = [];

  /** How many are in use. */
  get size(): number {
    return this.#made - this.#vacant.length;
  }

  /** An empty node. The columns may have moved: do not hold on to one across this. */
  make(isBranch: 0 | 1): number {
    const node = this.#vacant.pop() ?? this.#made++;
    if (node >= this.count.length) this.#grow();
    this.bounds.fill(nothing, node * columns, (node + 1) * columns);
    this.first[node] = nothing;
    this.parent[node] = nothing;
    this.count[node] = 0;
    this.isBranch[node] = isBranch;
    return node;
  }

  drop(node: number): void {
    this.#vacant.push(node);
  }

  at(node: number, place: number): number {
    return this.entries[node * width + place] ?? nothing;
  }

  countOf(node: number): number {
    return this.count[node] ?? 0;
  }

  parentOf(node: number): number {
    return this.parent[node] ?? nothing;
  }

  /** The place of an entry that is in this node. */
  indexOf(node: number, entry: number): number {
    const start = node * width;
    return this.entries.indexOf(entry, start) - start;
  }

  /** The entries of a node, to read at once. */
  row(node: number): Int32Array {
    return this.entries.subarray(node * width, node * width + this.countOf(node));
  }

  #grow(): void {
    this.entries = doubled(this.entries, new Int32Array(this.entries.length * 2));
    this.bounds = doubled(this.bounds, new Int32Array(this.bounds.length * 2));
    this.first = doubled(this.first, new Int32Array(this.first.length * 2));
    this.parent = doubled(this.parent, new Int32Array(this.parent.length * 2));
    this.count = doubled(this.count, new Uint8Array(this.count.length * 2));
    this.isBranch = doubled(this.isBranch, new Uint8Array(this.isBranch.length * 2));
  }
}

function doubled<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
