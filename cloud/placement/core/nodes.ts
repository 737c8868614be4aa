/**
 * The nodes of shelves, as columns by number. Many small shelves may share them.
 *
 * One object with a few long columns rather than some per shelf: a thousand pods would otherwise be five
 * thousand arrays scattered over memory, and a choice would spend its time waiting for them.
 */
import { grown } from "./grown.ts";

/** Numbers per node. */
export const columns = 16;
/** Entries per node. Thirty-two neighbours are a few cache lines, and 100,000 items are four levels. */
export const width = 32;
/** No node, no item, no capacity. */
export const nothing = -1;

export class Nodes {
  /** Node by node, `width` places each: items in a leaf, nodes in a branch. */
  entries = new Int32Array(width);
  /** Beside each entry the key of the item, or of the first item below the node: halving stays in one row. */
  keys = new Float64Array(width);
  /** Node by node, `columns` numbers each: no item at or below it can give more. */
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
    const { entries } = this;
    const start = node * width;
    let at = start;
    while (entries[at] !== entry) at += 1;
    return at - start;
  }

  /** Makes room for one more at this place. */
  open(node: number, place: number, entry: number, key: number): void {
    const { entries, keys } = this;
    const start = node * width + place;
    const count = this.countOf(node);
    for (let at = node * width + count; at > start; at--) {
      entries[at] = entries[at - 1] ?? nothing;
      keys[at] = keys[at - 1] ?? 0;
    }
    entries[start] = entry;
    keys[start] = key;
    this.count[node] = count + 1;
  }

  /** Takes the entry at this place away. */
  close(node: number, place: number): void {
    const { entries, keys } = this;
    const count = this.countOf(node) - 1;
    const end = node * width + count;
    for (let at = node * width + place; at < end; at++) {
      entries[at] = entries[at + 1] ?? nothing;
      keys[at] = keys[at + 1] ?? 0;
    }
    this.count[node] = count;
  }

  /** Copies some entries of one node to another, and leaves the counts alone. */
  copy(from: number, place: number, many: number, to: number, at: number): void {
    const source = from * width + place;
    this.entries.copyWithin(to * width + at, source, source + many);
    this.keys.copyWithin(to * width + at, source, source + many);
  }

  /** The entries of a node, to read at once. */
  row(node: number): Int32Array {
    return this.entries.subarray(node * width, node * width + this.countOf(node));
  }

  #grow(): void {
    this.entries = grown(this.entries, new Int32Array(this.entries.length * 2));
    this.keys = grown(this.keys, new Float64Array(this.keys.length * 2));
    this.bounds = grown(this.bounds, new Int32Array(this.bounds.length * 2));
    this.first = grown(this.first, new Int32Array(this.first.length * 2));
    this.parent = grown(this.parent, new Int32Array(this.parent.length * 2));
    this.count = grown(this.count, new Uint8Array(this.count.length * 2));
    this.isBranch = grown(this.isBranch, new Uint8Array(this.isBranch.length * 2));
  }
}
