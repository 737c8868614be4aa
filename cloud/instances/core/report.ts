/** What a report adds to what is known of a process. Facts only accumulate: an ending is never taken back. */
import type { MachineReport } from "@holdfast/cloud/hosts";
import { endingOf } from "./causes.ts";
import type { Incarnation } from "./model.ts";

export function heard(known: Incarnation, report: MachineReport): Incarnation {
  return {
    ...known,
    phase: report.phase,
    guest: report.guest,
    reboots: report.reboots,
    ending: report.exit ? endingOf(report.exit) : undefined,
  };
}
