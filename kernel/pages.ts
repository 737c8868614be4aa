/** Whole lists, for programs that need all of one: a page after the other, as the list itself says. */

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

/** The same as the one page that it would be: what it lists is under `name`. */
export async function onePage<
  Name extends string,
  Page extends { readonly next: string | null } & Readonly<Record<Name, readonly unknown[]>>,
>(name: Name, ask: (after: string | undefined) => Promise<Page>): Promise<Page> {
  const items = await everyPage<Page, unknown>(ask, (page) => page[name]);
  return { [name]: items, next: null } as unknown as Page; // A page is these two and nothing else.
}
