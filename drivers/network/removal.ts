/**
 * Taking devices away that may be going by themselves: when a namespace ends, the kernel removes the cables that led into
 * it a moment later. One that is gone by then is what was wanted, and no reason to leave the others.
 */
import type { Commands } from "./commands.ts";
import { observe } from "./observe.ts";

/** By their names. Rejects with what the kernel says if one of them is there and stays. */
export async function removeLinks(kernel: Commands, names: readonly string[]): Promise<void> {
  for (let left = names; left.length > 0; ) {
    const refusal = await kernel.batch(undefined, "ip", left.map(removalOf)).catch(caught);
    if (!refusal) return;
    const { links } = await observe(kernel);
    const still = left.filter((name) => links.has(name));
    if (still.length === left.length) throw refusal.error;
    left = still;
  }
}

export const removalOf = (name: string) => `link del ${name}`;

const caught = (error: unknown) => ({ error });
