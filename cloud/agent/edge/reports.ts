/**
 * What a host says of a machine: what its hypervisor says, and what only its keeper knows.
 *
 * An ending is told with everything that was left behind, because it is told once: when it has been
 * recorded its traces are removed.
 */
import type { MachineReport } from "@holdfast/cloud/hosts";
import type { Exit, MachineRef, MachineView } from "@holdfast/drivers/hypervisor";
import type { Problem } from "@holdfast/kernel/problem";

/** What is known about an ending besides what the hypervisor says. */
export interface Note {
  readonly problem?: Problem;
  readonly isBootOverdue?: boolean;
}

/** `reboots`: resets carried out in this generation. */
export function machineReport(view: MachineView, reboots: number, note: Note = {}): MachineReport {
  const base = { instance: view.id, generation: view.generation, reboots };
  if (view.is === "running")
    return { ...base, phase: "running", guest: view.guest, at: view.since };
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
      ...(note.problem ? { problem: flat(note.problem) } : {}),
    },
  };
}

export const ended = (ref: MachineRef, exit: Exit): MachineView => ({ ...ref, is: "exited", exit });

const flat = ({ kind, code, message, details: { fix } }: Problem) =>
  fix === undefined ? { kind, code, message } : { kind, code, message, fix };
