/**
 * All chance of this process from one seed: ids, secrets, and whoever asks Node for random bytes.
 *
 * Never where anything real depends on it: what is drawn here can be drawn again by anybody.
 */
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { type MintId, uuidV7 } from "@holdfast/kernel/ids";
import { type Random, seeded } from "@holdfast/kernel/random";
import { worldMoment } from "./time.ts";

let source: Random = seeded(0);

/** Chance begins anew from this seed. The first call takes over what Node offers. */
export function beginChance(seed: number): void {
  source = seeded(seed ^ 0x5eed);
  Math.random = () => source.below(2 ** 30) / 2 ** 30;
  crypto.randomBytes = drawn as typeof crypto.randomBytes; // The form with a callback is used by nobody here.
  crypto.randomUUID = (() => uuid()) as typeof crypto.randomUUID; // It always has five parts.
  syncBuiltinESMExports();
}

export function drawn(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = source.below(256);
  return bytes;
}

const uuid = () => uuidV7(worldMoment(), drawn(16));
export const mintId = uuid as MintId; // Every kind of id is such a UUID.

/** A stream of its own: what is drawn from one changes nothing in another. */
export const stream = (seed: number, name: string): Random =>
  seeded(
    [...name].reduce(
      (sum, letter) => Math.imul(sum ^ letter.charCodeAt(0), 0x01000193),
      seed ^ 0x811c9dc5,
    ),
  );
