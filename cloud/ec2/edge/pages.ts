/** One page of a list that is in memory, or of one that is read piece by piece; and where the next begins. */

import { Problem } from "@holdfast/kernel/problem";
import { cursorOf, isText, isUuid } from "@holdfast/store/cursor";
import { refuse } from "../core/errors.ts";
import { type Asked, pageSize } from "../core/paging.ts";

export interface Paged<T> {
  readonly page: readonly T[];
  readonly next: { readonly NextToken?: string };
}

/** `keyOf`: what it is sorted by; no two have the same. */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (one: T) => string,
  asked: Asked,
  list: string,
  ids?: readonly string[],
): Paged<T> {
  const size = pageSize(asked, ids, `${list}Ids`);
  const cursor = cursorOf(`ec2 ${list}`, isText);
  const from = asked.NextToken === undefined ? undefined : readToken(asked.NextToken, cursor.read);
  const sorted = all
    .map((one) => ({ one, key: keyOf(one) }))
    .filter(({ key }) => from === undefined || key > from)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = sorted.slice(0, size);
  const last = page.at(-1);
  return {
    page: page.map(({ one }) => one),
    next: last && sorted.length > size ? { NextToken: cursor.write(last.key) } : {},
  };
}

export interface Source<Row, T> {
  /** Those that are named. Rejects if one is not there. */
  find(ids: readonly string[]): Promise<readonly Row[]>;
  /** At most `count` of those after `from`, in the order of their ids. */
  read(from: string | undefined, count: number): Promise<readonly Row[]>;
  /** As it is shown, if it is. */
  pick(row: Row): T | undefined;
}

/** Those that are named, or a page of all. */
export async function chosen<Row extends { readonly id: string }, T>(
  asked: Asked,
  list: string,
  ids: readonly string[] | undefined,
  { find, read, pick }: Source<Row, T>,
): Promise<Paged<T>> {
  if (!ids) return scan(asked, list, read, pick);
  return { page: (await find(ids)).flatMap((row) => pick(row) ?? []), next: {} };
}

/**
 * From rows in the order of their ids. `read` gives at most `count` of those after `from`; what does not pass is left
 * out, and more is read until the page is full.
 */
async function scan<Row extends { readonly id: string }, T>(
  asked: Asked,
  list: string,
  read: (from: string | undefined, count: number) => Promise<readonly Row[]>,
  pick: (row: Row) => T | undefined,
): Promise<Paged<T>> {
  const size = pageSize(asked, undefined, `${list}Ids`);
  const cursor = cursorOf(`ec2 ${list}`, isUuid);
  const page: T[] = [];
  let from = asked.NextToken === undefined ? undefined : readToken(asked.NextToken, cursor.read);
  for (let count = pieceFor(size); ; count = largest) {
    const rows = await read(from, count);
    for (const row of rows) {
      const picked = pick(row);
      if (picked !== undefined) {
        if (page.length === size) return { page, next: { NextToken: cursor.write(from ?? "") } };
        page.push(picked);
      }
      from = row.id;
    }
    if (rows.length < count) return { page, next: {} };
  }
}

/**
 * How many are read at once: one more than are shown, so that there being more is known without another look. A few
 * sizes, because they are written into statements: with a limit that is not known PostgreSQL plans each one anew.
 */
const pieces = [101, 301, 1_001] as const;
const largest = 1_001;
const pieceFor = (size: number) => pieces.find((piece) => piece > size) ?? largest;

function readToken(token: string, how: (token: string) => string): string {
  try {
    return how(token);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw refuse("InvalidParameterValue", "Unable to parse pagination token");
  }
}
