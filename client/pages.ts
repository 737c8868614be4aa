/** Whole lists, for programs that need all of one: a page after the other, as the list itself says. */
import { type HostView, listHosts } from "@holdfast/cloud/hosts/api";
import type { Client } from "./client.ts";

/** What is there all the while is in it once, whatever comes and goes meanwhile. `ask`: for the page after this one. */
export async function everyPage<Page extends { readonly next: string | null }, Item>(
  ask: (after: string | undefined) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  for (let after: string | undefined; ; ) {
    const page = await ask(after);
    items.push(...itemsOf(page));
    if (page.next === null) return items;
    after = page.next;
  }
}

/** The fleet, by name. */
export const allHosts = (call: Client["call"]): Promise<readonly HostView[]> =>
  everyPage(
    (after) => call(listHosts, { query: { after } }),
    ({ hosts }) => hosts,
  );
