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

/** 53 bits of it, far more quickly: enough to tell from each other two texts about one thing. */
export function numberOf(text: string): number {
  let [one, other] = [0xdeadbeef, 0x41c6ce57];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 2_654_435_761);
    other = Math.imul(other ^ code, 1_597_334_677);
  }
  const [first, second] = [one, other];
  one =
    Math.imul(first ^ (first >>> 16), 2_246_822_507) ^
    Math.imul(second ^ (second >>> 13), 3_266_489_909);
  other =
    Math.imul(second ^ (second >>> 16), 2_246_822_507) ^
    Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & other) + (one >>> 0);
}

/** 128 bits of it, which is enough to tell two texts apart. */
export const hashOf = (text: string) =>
  createHash("sha1").update(text).digest("base64").slice(0, 22);
