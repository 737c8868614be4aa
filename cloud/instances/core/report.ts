/** What a report adds to what is known of a process. Facts only accumulate: an ending is never taken back. */
import type { MachineReport } from "@holdfast/cloud/hosts";
import { endingOf } from "./causes.ts";
import type { Errand, Incarnation, Instance } from "./model.ts";

export function heard(
  known: Incarnation,
  report: MachineReport,
  instance: Instance,
  errand?: Errand,
): Incarnation {
  // What was said before it ran may arrive after that.
  if (known.phase === "running" && report.phase === "incoming") return known;
  return {
    ...known,
    phase: report.phase,
    guest: report.guest,
    reboots: report.reboots,
    ...(report.begun ? { begun: report.begun } : {}),
    ending: report.exit ? endingOf(instance, known, report.exit, errand) : undefined,
  };
}
