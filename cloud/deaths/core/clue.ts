/**
 * What a clue is, and how the findings of one are read from what a host reported of an end.
 *
 * Events belong to a life and not to an end: a disk error that was survived for an hour has killed nobody.
 * So each clue that rests on an event says how near to the end it has to be.
 */
import type { ExitReport } from "@holdfast/cloud/hosts";
import { type Duration, type Instant, minutes } from "@holdfast/kernel/time";
import type { Finding, Source } from "./certificate.ts";
import { type Evidence, endOf } from "./evidence.ts";

export interface Clue {
  /** What is looked for, as it reads after "sought:". */
  readonly seeks: string;
  /** Why it matters, as it reads in a list of what was not found. */
  readonly why: string;
  readonly look: (evidence: Evidence) => readonly Finding[];
}

/** From the first sign of trouble to an end that is laid to it: a guest whose disk is gone dies within a minute. */
export const aftermath = minutes(1);

export const instant = (moment: number) => moment as Instant; // The report's times are instants of its host.

export const at = (report: ExitReport, source: Source, says: string): Finding => ({
  at: instant(report.at),
  source,
  says,
});

export const isNear = (moment: Instant, end: Instant, within: Duration) => end - moment <= within;

/** The last event of this name that is near enough to the end. */
export function eventsNear(
  evidence: Evidence,
  name: string,
  within: Duration,
  says: string,
): readonly Finding[] {
  const end = endOf(evidence);
  const found = evidence.report?.events.findLast(
    ({ event, at: when }) => event === name && isNear(instant(when), end, within),
  );
  return found ? [{ at: instant(found.at), source: "hypervisor", says }] : [];
}

export function signalOf({ status }: ExitReport): string | undefined {
  return typeof status === "object" && "signal" in status ? status.signal : undefined;
}

export function codeOf(report: ExitReport | undefined): number | undefined {
  const status = report?.status;
  return typeof status === "object" && "code" in status ? status.code : undefined;
}
