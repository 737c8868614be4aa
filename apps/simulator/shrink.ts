/**
 * From a plan that breaks something to the shortest that still breaks it: items are taken out, many at a time and then
 * fewer, for as long as the same goes wrong.
 *
 * What is found is small, not smallest: no single item can be left out of it any more, if there were runs enough.
 */
export interface Shrunk<T> {
  readonly plan: readonly T[];
  readonly runs: number;
}

/** `fails`: whether the same goes wrong with this plan. It does with `plan`. At most `most` are tried. */
export async function shrink<T>(
  plan: readonly T[],
  fails: (plan: readonly T[]) => Promise<boolean>,
  most: number,
): Promise<Shrunk<T>> {
  let kept = plan;
  let runs = 0;
  for (let size = Math.ceil(kept.length / 2); size >= 1; ) {
    let isSmaller = false;
    for (let at = 0; at < kept.length && runs < most; ) {
      const less = [...kept.slice(0, at), ...kept.slice(at + size)];
      runs++;
      if (await fails(less)) {
        kept = less;
        isSmaller = true;
      } else at += size;
    }
    if (runs >= most || (size === 1 && !isSmaller)) break;
    if (!isSmaller || size > kept.length)
      size = Math.min(Math.ceil(size / 2), Math.max(1, kept.length));
    if (kept.length === 0) break;
  }
  return { plan: kept, runs };
}

/** What two violations have in common if they are the same one, with other hosts and other instances. */
export const kindOf = (violation: string) =>
  violation
    .split("\n")[0]
    ?.replaceAll(/\b[a-z]+-\d+(?:-\d+)?\b/g, "…")
    .replaceAll(/\/simulated\/\S+|[0-9a-f]{8}-[0-9a-f-]{27}/g, "…")
    .replaceAll(/\d+/g, "#")
    .slice(0, 120) ?? "";
