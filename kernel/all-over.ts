/**
 * Resolves when all of these are over, where `Promise.all` would leave behind what is still under way when one fails:
 * whoever then makes everything anew would meet it. Rejects with what the first of them in the list that failed says.
 */
export async function allOver(works: readonly Promise<unknown>[]): Promise<void> {
  for (const end of await Promise.allSettled(works))
    if (end.status === "rejected") throw end.reason;
}
