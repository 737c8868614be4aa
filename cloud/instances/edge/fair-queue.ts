/**
 * What waits for a pass, by whose it is: one who asks for ten thousand does not hold up another who asks for one.
 *
 * Each owner pays for what is taken with a share of a common clock, and whoever has paid least is next. Nobody saves
 * up by being idle: who comes after a pause begins at the present. So a large request is never passed over for ever
 * by a stream of small ones either. Of one owner the first to come is the first to be taken.
 */
export interface FairQueue<Item> {
  push(item: Item): void;
  /** Takes so much, or one item that is larger than that. */
  take(most: number): Item[];
  /** Takes all that the others have waiting, of each who has no more than so much: so many at most, together. */
  takeFew(besides: ReadonlySet<string>, most: number): Item[];
  readonly length: number;
  /** How large all that waits is together. */
  readonly size: number;
}

interface Line<Item> {
  readonly items: Item[];
  /** When all that was taken of it is paid for. */
  paidUntil: number;
}

export function fairQueue<Item>(
  ownerOf: (item: Item) => string,
  sizeOf: (item: Item) => number,
): FairQueue<Item> {
  const lines = new Map<string, Line<Item>>();
  let present = 0;
  let length = 0;
  let size = 0;

  return {
    push(item) {
      const owner = ownerOf(item);
      const line = lines.get(owner) ?? { items: [], paidUntil: present };
      lines.set(owner, line);
      line.items.push(item);
      length++;
      size += sizeOf(item);
    },
    take(most) {
      const taken: Item[] = [];
      let total = 0;
      while (total < most) {
        const next = cheapest();
        const [item] = next?.items ?? [];
        if (!next || item === undefined) break;
        const price = sizeOf(item);
        if (taken.length > 0 && total + price > most) break;
        next.items.shift();
        length--;
        present = Math.max(present, next.paidUntil);
        next.paidUntil = present + price;
        taken.push(item);
        total += price;
      }
      size -= total;
      forgetPaid();
      return taken;
    },
    takeFew(besides, most) {
      const taken: Item[] = [];
      let total = 0;
      for (const [owner, line] of lines) {
        const price = line.items.reduce((sum, item) => sum + sizeOf(item), 0);
        if (besides.has(owner) || price === 0 || total + price > most) continue;
        taken.push(...line.items.splice(0));
        line.paidUntil = Math.max(present, line.paidUntil) + price;
        total += price;
      }
      length -= taken.length;
      size -= total;
      return taken;
    },
    get length() {
      return length;
    },
    get size() {
      return size;
    },
  };

  function cheapest(): Line<Item> | undefined {
    let best: Line<Item> | undefined;
    for (const line of lines.values())
      if (line.items.length > 0 && (!best || line.paidUntil < best.paidUntil)) best = line;
    return best;
  }

  /** Whoever has nothing waiting and owes nothing is as good as new. With nobody waiting, that is everybody. */
  function forgetPaid(): void {
    for (const [owner, { items, paidUntil }] of lines)
      if (items.length === 0 && (length === 0 || paidUntil <= present)) lines.delete(owner);
  }
}
