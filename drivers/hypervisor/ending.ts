/**
 * Finding out whether an incarnation still runs, without asking it.
 *
 * The shim's record is the best proof and may be missing: the shim can be killed, the disk can be
 * full, the host can have rebooted. Then the process table decides. QEMU gone while its shim lives is
 * no answer yet: the record is being written.
 */
import type { Clock } from "@holdfast/kernel/time";
import type { Exit } from "./driver.ts";
import { findRecordedEnd } from "./evidence.ts";
import { type LaunchRecord, type Paths, readOptional, sealed } from "./incarnation.ts";
import { guestProgram, shimProgram } from "./launch.ts";
import { isAlive, type ProcessId, parseStat, processesMentioning } from "./process.ts";

export type Ending = Pick<Exit, "status" | "at">;

export type Pulse =
  /** QEMU is not there yet. */
  | { readonly is: "launching" }
  | { readonly is: "alive"; readonly qemu: ProcessId }
  /** QEMU is gone and the shim is about to say how. */
  | { readonly is: "recording" }
  | { readonly is: "over"; readonly ending: Ending };

export async function feelPulse(
  paths: Paths,
  record: LaunchRecord | undefined,
  bootId: string,
  clock: Clock,
): Promise<Pulse> {
  const recorded = await findRecordedEnd(paths);
  if (recorded) return { is: "over", ending: recorded };
  const unrecorded: Pulse = { is: "over", ending: { status: "unrecorded", at: clock.now() } };
  if (record && record.bootId !== bootId) return unrecorded;

  const started = await readOptional(paths.started);
  if (started === sealed)
    return { is: "over", ending: { status: "never-launched", at: clock.now() } };
  const qemu = parseStat(await readOptional(paths.pid));
  if (qemu && isAlive(qemu)) return { is: "alive", qemu };
  if (qemu) {
    const shim = parseStat(started);
    if (shim && isAlive(shim)) return { is: "recording" };
  } else {
    // Too early, or somebody was killed between two lines of the shim: who is there after all?
    const there = await processesMentioning(paths.dir);
    const guest = there.find(({ program }) => guestProgram.test(program));
    if (guest) return { is: "alive", qemu: guest };
    if (there.some(({ program }) => program === shimProgram)) return { is: "launching" };
  }
  const atLast = await findRecordedEnd(paths); // It may have been written while we looked.
  return atLast ? { is: "over", ending: atLast } : unrecorded;
}
