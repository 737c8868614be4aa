/** As Promise.all, but rejects only when none of them is under way any more: what it undoes then stays undone. */
export async function settled<T extends readonly unknown[] | []>(
  work: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
