/**
 * What two looks at a machine tell that one cannot: how long its disks have stood still, and how many
 * operations have failed in between.
 *
 * Where requests are in flight and nothing was completed since the look before, every one of them is at
 * least that old. It may be older, never younger: a stall is found late by up to one round, and never made up.
 */
import type { MachineLook } from "@holdfast/cloud/hosts";
import type { Examination, MachineRef } from "@holdfast/drivers/hypervisor";
import type { Instant } from "@holdfast/kernel/time";

/** What is remembered of a machine from one look to the next. */
export interface Memory {
  readonly bootedAt: Instant;
  /** Its agent has answered since it booted; one that never did may not be there at all. */
  readonly hasAnswered: boolean;
  readonly completed: number;
  readonly failed: number;
  /** Since when requests have been in flight and none has been completed; a tick. */
  readonly stalledSince: number | undefined;
}

export function compare(
  ref: MachineRef,
  found: Examination,
  before: Memory | undefined,
  at: { readonly now: Instant; readonly tick: number },
): { readonly look: MachineLook; readonly memory: Memory } {
  const { guest, bootedAt, bootedBy, answeredIn, runState, disks } = found;
  const isSilent = answeredIn === undefined;
  const isSameBoot = before?.bootedAt === bootedAt;
  const hasAnswered = found.agent === "answers" || (isSameBoot && before.hasAnswered);
  const sum = (count: (disk: Examination["disks"][number]) => number) =>
    disks.reduce((all, disk) => all + count(disk), 0);
  const completed = sum((disk) => disk.completed);
  const failed = sum((disk) => disk.failed);
  const inFlight = sum((disk) => disk.inFlight ?? 0);
  const isStill = before?.completed === completed && before.stalledSince !== undefined;
  const stalledSince = inFlight === 0 ? undefined : isStill ? before.stalledSince : at.tick;
  const stalledFor = stalledSince === undefined ? 0 : at.tick - stalledSince;
  // Without an answer nothing new is known of its disks, and the next answer is compared with the last.
  const memory = isSilent
    ? (before ?? { bootedAt, hasAnswered, completed, failed, stalledSince: undefined })
    : { bootedAt, hasAnswered, completed, failed, stalledSince };
  const look: MachineLook = {
    instance: ref.id,
    generation: ref.generation,
    guest,
    bootedFor: Math.max(0, at.now - bootedAt), // The clock may have been set back.
    bootedBy,
    answeredIn: answeredIn ?? null,
    runState: runState ?? null,
    // The channel may be open for a program that is no agent.
    agent: found.agent === "silent" && !hasAnswered ? "none" : found.agent,
    disk: isSilent
      ? { inFlight: 0, stalledFor: 0, failed: 0 }
      : { inFlight, stalledFor, failed: before ? Math.max(0, failed - before.failed) : 0 },
  };
  return { look, memory };
}
