/**
 * What a host was told of many things, each by its id, as a hash of its text: so that only what is different is said
 * again, and the texts of a fleet need not be kept. For networks see told-networks.ts.
 */
import { createHash } from "node:crypto";

/** What is to be said of one thing: its JSON, and what tells it from any other. */
export interface Saying {
  readonly text: string;
  readonly hash: string;
}

export function saying(value: unknown): Saying {
  const text = JSON.stringify(value);
  return { text, hash: hashOf(text) };
}

/** Of all that there is: whether something of it is not as it was told. Afterwards it counts as told. */
export function isNews<Id>(told: Map<Id, string>, now: ReadonlyMap<Id, Saying>): boolean {
  const isSame =
    told.size === now.size && [...now].every(([id, { hash }]) => told.get(id) === hash);
  if (isSame) return false;
  told.clear();
  for (const [id, { hash }] of now) told.set(id, hash);
  return true;
}

/** Of some: what is not as it was told, and what was told of and is no more. Afterwards it counts as told. */
export function newsOf<Id, Value>(
  told: Map<Id, string>,
  changes: ReadonlyMap<Id, Value | null>,
): { readonly fresh: readonly string[]; readonly gone: readonly Id[] } {
  const fresh: string[] = [];
  const gone: Id[] = [];
  for (const [id, value] of changes) {
    if (value === null) {
      if (told.delete(id)) gone.push(id);
      continue;
    }
    const { text, hash } = saying(value);
    if (hash === told.get(id)) continue;
    told.set(id, hash);
    fresh.push(text);
  }
  return { fresh, gone };
}

/** 128 bits of it, which is enough to tell two texts apart. */
export const hashOf = (text: string) =>
  createHash("sha1").update(text).digest("base64").slice(0, 22);
