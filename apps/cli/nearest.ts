/** What somebody may have meant: the names nearest to what they typed. */

/** At most three, nearest first; nothing that differs in more than a third of its letters. */
export function nearest(typed: string, names: readonly string[]): readonly string[] {
  const allowed = Math.max(1, Math.ceil(typed.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, away: name.startsWith(typed) ? 0.5 : distance(typed, name, allowed) }))
    .filter(({ away }) => away <= allowed)
    .sort((a, b) => a.away - b.away || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `web, web-1 or web-2`. */
export const choice = (names: readonly string[]) =>
  names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

/** Letters to insert, delete, replace, or swap with their neighbour. More than `limit` is all the same. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (row[j - 1] ?? 0) + 1,
        (last[j] ?? 0) + 1,
        (last[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? limit + 1;
}
