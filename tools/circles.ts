/** Circles in a directed graph: the strongly connected components of more than one, found in one walk (Tarjan, 1972). */
export function circles(
  arrows: ReadonlyMap<string, readonly string[]>,
): readonly (readonly string[])[] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  for (const node of arrows.keys()) if (!order.has(node)) visit(node);
  return found;

  /** The least place in the order that can be got to from here. */
  function visit(node: string): number {
    const mine = order.size;
    order.set(node, mine);
    open.push(node);
    isOpen.add(node);
    let lowest = mine;
    for (const next of arrows.get(node) ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (isOpen.has(next)) lowest = Math.min(lowest, order.get(next) ?? lowest);
    }
    if (lowest === mine) close(node);
    return lowest;
  }

  function close(node: string): void {
    const circle = open.splice(open.indexOf(node));
    for (const each of circle) isOpen.delete(each);
    if (circle.length > 1) found.push(circle.sort());
  }
}
