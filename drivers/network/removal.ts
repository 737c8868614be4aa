/**
 * Taking devices away that may be going by themselves: when a namespace ends, the kernel removes the cables that led into
 * it a moment later. One that is gone by then is what was wanted, and no reason to leave the others.
 */
import { createHash } from "node:crypto";
import type { Commands } from "./commands.ts";
import { observe } from "./observe.ts";

/** By their names. Rejects with what the kernel says if one of them is there and stays. */
export async function removeLinks(kernel: Commands, names: readonly string[]): Promise<void> {
  const refusal = await kernel.batch(undefined, "ip", removalsOf(names)).catch(caught);
  if (refusal) await removeEach(kernel, names);
}

/**
 * Lines for `ip` that remove all of these, which must be there. The kernel waits for every processor when it removes something,
 * and meanwhile no device of this machine can be made or opened: once for each device, and once for a group of them. A group
 * is called after who is in it, so one that was left behind half made is never anybody else's.
 */
export function removalsOf(names: readonly string[]): readonly string[] {
  if (names.length < 2) return names.map(removalOf);
  const group = groupOf(names);
  return [...names.map((name) => `link set dev ${name} group ${group}`), `link del group ${group}`];
}

/** Never 0, in which every other device is. */
function groupOf(names: readonly string[]): number {
  const digest = createHash("sha256")
    .update([...names].sort().join(" "))
    .digest();
  return (digest.readUInt32BE() >>> 1) | 0x4000_0000;
}

async function removeEach(kernel: Commands, names: readonly string[]): Promise<void> {
  for (let left = names; left.length > 0; ) {
    const refusal = await kernel.batch(undefined, "ip", left.map(removalOf)).catch(caught);
    if (!refusal) return;
    const { links } = await observe(kernel);
    const still = left.filter((name) => links.has(name));
    if (still.length === left.length) throw refusal.error;
    left = still;
  }
}

const removalOf = (name: string) => `link del ${name}`;

const caught = (error: unknown) => ({ error });
