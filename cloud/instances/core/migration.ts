/**
 * A move of an instance to another host, from the choice of the destination to the end of what it leaves
 * behind.
 *
 * While it is open there are two incarnations. The one at home runs; the arrival waits for its memory and
 * runs only once the other never will again. So which of the two runs is never a matter of belief: the
 * destination reports `running`, or the source reports that it was `migrated`, and both are said only
 * after the hand-over.
 */
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import { type MigrationEvent, migrationLifecycle, openStates } from "./migration-lifecycle.ts";
import type { Incarnation, Migration, MigrationTerms, World } from "./model.ts";

/** The move that is under way, if one is. */
export const openMigration = ({ migration }: Pick<World, "migration">): Migration | undefined =>
  migration && openStates.has(migration.state) ? migration : undefined;

/** Nothing of it can run or write any more: it was seen to end, or its host was proven dead. */
export const isOver = (incarnation: Incarnation | undefined, lease: World["lease"]): boolean =>
  incarnation?.phase === "exited" || lease === "fenced";

/** All of it was sent and the destination told to run it, by its own host's word. */
export const hasLeft = (incarnation: Incarnation | undefined): boolean =>
  incarnation?.phase === "exited" && incarnation.ending?.how === "migrated";

/** A step along the table. A step that is not in it leaves it where it is. */
export const stepped = (migration: Migration, event: MigrationEvent): Migration => ({
  ...migration,
  state: migrationLifecycle.next(migration.state, event) ?? migration.state,
});

/** It is over, and the instance is not on its destination. */
export function broken(migration: Migration, says: string): Migration {
  const event = migration.abort === "asked" ? "aborted" : "failed";
  return { ...stepped(migration, event), says: migration.says ?? says };
}

/** What the patience of a move is reckoned from. */
export interface Load {
  readonly memoryMiB: number;
  /** Of disks that have to be copied along; 0 where both hosts reach them. */
  readonly diskBytes: number;
}

export interface MovePatience {
  /** For the memory, at least. */
  readonly least: Duration;
  readonly perGiB: Duration;
  readonly switching: Duration;
}

/**
 * How long plain copying may take, and copying from a guest that is slowed down after that: two thirds and one
 * third of 300 s, or of 100 s for each GiB if that is more; three times what the bytes need at the speed that
 * was asked for, if that is more; and the disks on top, at that speed or 50 MiB/s.
 */
export function patienceOf(
  { memoryMiB, diskBytes }: Load,
  bytesPerSecond: number | undefined,
  { least, perGiB, switching }: MovePatience,
): Pick<MigrationTerms, "precopy" | "converge" | "switching"> {
  const memoryBytes = memoryMiB * 2 ** 20;
  const whole = Math.max(
    least,
    (memoryMiB / 1_024) * perGiB,
    bytesPerSecond ? seconds((3 * memoryBytes) / bytesPerSecond) : 0,
  );
  const disks = seconds(diskBytes / (bytesPerSecond ?? diskSpeed));
  return {
    precopy: milliseconds(Math.round((whole * 2) / 3 + disks)),
    converge: milliseconds(Math.round(whole / 3)),
    switching,
  };
}

const diskSpeed = 50 * 2 ** 20;

/** When the source's own ladder has certainly come to its end, and a little later. */
export const copyingTime = ({ precopy, converge, switching }: MigrationTerms): Duration =>
  milliseconds(precopy + converge + switching + margin);

const margin = seconds(30);
