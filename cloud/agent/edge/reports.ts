/**
 * What a host says of a machine: what its hypervisor says, and what only its keeper knows.
 *
 * An ending is told with everything that was left behind, because it is told once: when it has been
 * recorded its traces are removed.
 */
import type { DiskReport, MachineReport, Trouble } from "@holdfast/cloud/hosts";
import type { Exit, MachineRef, MachineView } from "@holdfast/drivers/hypervisor";
import { Problem, problem } from "@holdfast/kernel/problem";

/** What is known about an ending besides what the hypervisor says. */
export interface Note {
  readonly problem?: Problem;
  readonly isBootOverdue?: boolean;
}

/** The disks of a running machine, as they were last seen. */
export interface Seen {
  readonly reports: readonly DiskReport[];
  /** Of the wish that they were last compared with. */
  readonly version: number;
}

/** `reboots`: resets carried out in this generation. */
export function machineReport(
  view: MachineView,
  reboots: number,
  note: Note = {},
  seen?: Seen,
): MachineReport {
  const base = { instance: view.id, generation: view.generation, reboots };
  if (view.is === "running") {
    const disks = seen ? { disks: [...seen.reports], disksOf: seen.version } : {};
    const begun = view.begun ? { begun: view.begun } : {};
    return { ...base, phase: "running", guest: view.guest, at: view.since, ...begun, ...disks };
  }
  if (view.is === "incoming")
    return { ...base, phase: "incoming", guest: "booting", at: view.since };
  const { exit } = view;
  return {
    ...base,
    phase: "exited",
    guest: "booting",
    at: exit.at,
    exit: {
      ...exit,
      hypervisorLog: [...exit.hypervisorLog],
      consoleTail: [...exit.consoleTail],
      events: [...exit.events],
      kernelLog: [...exit.kernelLog],
      bootTimedOut: note.isBootOverdue ?? false,
      ...(note.problem ? { problem: said(note.problem) } : {}),
    },
  };
}

export const ended = (ref: MachineRef, exit: Exit): MachineView => ({ ...ref, is: "exited", exit });

/** Whatever it is, said to somebody else. */
export function said(error: unknown): Trouble {
  const { kind, code, message, details } = error instanceof Problem ? error : unexpected(error);
  return details.fix === undefined
    ? { kind, code, message }
    : { kind, code, message, fix: details.fix };
}

const unexpected = (error: unknown): Problem =>
  problem(
    "unavailable",
    "storage_failed",
    `Something went wrong with its storage: ${error instanceof Error ? error.message : error}`,
    { fix: "It is tried again by itself. If it stays so, see the agent's log on the host." },
  );
