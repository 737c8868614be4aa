/**
 * Which guests should have a public address of their own, and which should no longer.
 *
 * An automatic one is kept for as long as its instance is meant to run, so a reboot and a recovery keep
 * it and a stop gives it back. A static one, once attached, takes its place.
 */
import type { NicId } from "@holdfast/kernel/ids";

export interface PublicNic {
  readonly id: NicId;
  readonly isPublic: boolean;
  /** Its instance has a home, or is on the way to one. */
  readonly isMeantToRun: boolean;
  readonly has: "nothing" | "automatic" | "static";
}

export interface PublicMoves {
  readonly allocate: readonly NicId[];
  readonly release: readonly NicId[];
}

export function movePublic(nics: readonly PublicNic[]): PublicMoves {
  const wants = ({ isPublic, isMeantToRun }: PublicNic) => isPublic && isMeantToRun;
  return {
    allocate: nics.filter((nic) => wants(nic) && nic.has === "nothing").map(({ id }) => id),
    release: nics.filter((nic) => !wants(nic) && nic.has === "automatic").map(({ id }) => id),
  };
}
