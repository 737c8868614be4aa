/**
 * What the guard of a host needs to know of its machines, without asking anybody: which of them another
 * host could start as well, who they are in the process table, and where to say why they were killed.
 *
 * Read from the run directory afresh each time and from nothing else, because the agent that wrote it
 * may be frozen. Only /proc/PID/stat is asked about a process: to read its command line can wait for
 * the very disk that hangs. The one exception is a launch that is under way, which has no disk yet.
 */
import { access } from "node:fs/promises";
import type { Instant } from "@holdfast/kernel/time";
import type { MachineRef } from "./driver.ts";
import {
  findIncarnations,
  type Paths,
  pathsOf,
  readJson,
  readOptional,
  readRecord,
  replace,
  sealed,
} from "./incarnation.ts";
import { guestProgram } from "./launch.ts";
import { isAlive, type ProcessId, parseStat, processesMentioning, signal } from "./process.ts";

export type { ProcessId } from "./process.ts";
export { isAlive } from "./process.ts";

/** A machine that runs here, or is about to, and could run elsewhere. */
export interface FenceableMachine {
  readonly ref: MachineRef;
  /** For people. */
  readonly name: string;
  /** Undefined while it is being launched: there is nothing to kill yet and soon will be. Look again. */
  readonly process: ProcessId | undefined;
  readonly paths: Paths;
}

/** Why this host's guard ended a machine. The first note of a machine stays. */
export interface FencedNote {
  readonly at: Instant;
  /** One word, for example `lease-expired`. */
  readonly why: string;
}

/** Every fenceable machine that is not gone. Empty if there is no run directory. */
export async function findFenceable(runDir: string): Promise<readonly FenceableMachine[]> {
  const { refs } = await findIncarnations(runDir);
  const found = await Promise.all(refs.map((ref) => look(ref, pathsOf(runDir, ref))));
  return found.filter((machine) => machine !== undefined);
}

/** Leaves the note. Say why before you kill: afterwards nobody waits for it. */
export async function noteFenced(paths: Paths, note: FencedNote): Promise<void> {
  if (!(await readFenced(paths))) await replace(paths.fenced, JSON.stringify(note));
}

/** SIGKILL. False if it was gone already, or is not there yet. Repeat it until it is not found any more. */
export const killFenceable = ({ process }: FenceableMachine): boolean =>
  process !== undefined && signal(process, "SIGKILL");

/** The note, if there is one and it is whole. */
export async function readFenced(paths: Paths): Promise<FencedNote | undefined> {
  const note = await readJson<Partial<FencedNote>>(paths.fenced);
  if (typeof note?.at !== "number" || typeof note.why !== "string") return undefined;
  return { at: note.at, why: note.why };
}

async function look(ref: MachineRef, paths: Paths): Promise<FenceableMachine | undefined> {
  const record = await readRecord(paths);
  if (!record?.isFenceable) return undefined;
  const machine = { ref, name: record.name, paths };
  const process = parseStat(await readOptional(paths.pid));
  if (process) {
    const { pid, startTicks } = process;
    return isAlive(process) ? { ...machine, process: { pid, startTicks } } : undefined;
  }
  // The shim's first act is to make `started`, and it is a moment before it says who it is.
  const isStarted = await access(paths.started).then(
    () => true,
    () => false,
  );
  if (!isStarted || (await readOptional(paths.started)) === sealed) return undefined;
  if (await readOptional(paths.evidence)) return undefined;
  const there = await processesMentioning(paths.dir);
  const guest = there.find(({ program }) => guestProgram.test(program));
  return there.length > 0 ? { ...machine, process: guest } : undefined;
}
