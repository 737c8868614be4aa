/**
 * Which generations may reach a volume over the network, on disk: what a storage daemon that was killed is
 * started with again, and what it must never be started with again.
 */
import { readFile, rm } from "node:fs/promises";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Opener } from "./driver.ts";
import { replaceSynced } from "./place.ts";
import { generationRevoked, volumeClaimed, volumeInUse } from "./problems.ts";

export interface Exports {
  /** Who has it open. Two generations of one instance do while it moves from one host to another. */
  readonly openers: readonly Opener[];
  /** For each instance, the youngest generation that was cut off. */
  readonly revoked: Readonly<Record<InstanceId, number>>;
  /** Where guests of other hosts come in, while anybody has it open. */
  readonly port?: number;
}

export const noExports: Exports = { openers: [], revoked: {} };

/** As the daemon calls it, and as a guest must ask for it: one name for each generation. QEMU wants a letter first. */
export const nameOf = ({ instance, generation }: Opener) => `i-${instance}-g${generation}`;

export async function readExports(file: string): Promise<Exports> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text ? (JSON.parse(text) as Exports) : noExports; // Only we write it, and whole.
}

/** Nothing to say is no file. */
export async function writeExports(file: string, exports: Exports): Promise<void> {
  if (exports.openers.length + Object.keys(exports.revoked).length === 0)
    await rm(file, { force: true });
  else await replaceSynced(file, JSON.stringify(exports));
}

/** Throws `generation_revoked`, `volume_claimed` or `volume_in_use`. */
export function admitting(exports: Exports, opener: Opener): Exports {
  const { instance, generation } = opener;
  if ((exports.revoked[instance] ?? 0) >= generation) throw generationRevoked(generation);
  for (const other of exports.openers) {
    if (other.instance !== instance) throw volumeInUse();
    if (other.generation > generation) throw volumeClaimed(other.generation);
    if (other.generation === generation) return exports;
  }
  return { ...exports, openers: [...exports.openers, { instance, generation }] };
}

/** Without this and every older generation. */
export function releasing(exports: Exports, { instance, generation }: Opener): Exports {
  const openers = exports.openers.filter(
    (other) => other.instance !== instance || other.generation > generation,
  );
  const { port: _, ...closed } = exports;
  return openers.length > 0 ? { ...exports, openers } : { ...closed, openers };
}

export const revoking = (exports: Exports, opener: Opener): Exports => {
  const { instance, generation } = opener;
  const floor = Math.max(exports.revoked[instance] ?? 0, generation);
  return { ...releasing(exports, opener), revoked: { ...exports.revoked, [instance]: floor } };
};
