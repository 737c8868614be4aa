/** Putting what belongs together side by side, once, instead of looking through all of it for each. */

/** By what `keyOf` says, each group in the order of `all`. (Node 20 has no `Map.groupBy`.) */
export function grouped<Key, T>(
  all: Iterable<T>,
  keyOf: (one: T) => Key,
): ReadonlyMap<Key, readonly T[]> {
  const groups = new Map<Key, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
