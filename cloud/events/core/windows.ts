/**
 * Weekly windows in which events may happen, in UTC.
 *
 * EC2's numbers: a range is two hours or longer, all ranges of a window together four or more. A window
 * moves events that are yet to be scheduled, never one that is scheduled already.
 */
import { type Fault, type Problem, problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";

export const days = [
  "sunday",
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
] as const;
export type Day = (typeof days)[number];

/** From the beginning of one hour to the beginning of another, over the end of the week if that is earlier. */
export interface WeekRange {
  readonly startDay: Day;
  /** 0 to 23. */
  readonly startHour: number;
  readonly endDay: Day;
  readonly endHour: number;
}

const week = 7 * 24;
const leastHours = 2;
const leastTotal = 4;
const hour = 3_600_000;
/** The epoch was a Thursday. */
const epochHour = 4 * 24;

const hourOf = (day: Day, at: number) => days.indexOf(day) * 24 + at;
const startOf = ({ startDay, startHour }: WeekRange) => hourOf(startDay, startHour);
/** In hours; one that ends where it begins is the whole week. */
export const lengthOf = (range: WeekRange) =>
  ((hourOf(range.endDay, range.endHour) - startOf(range) + week - 1) % week) + 1;

/** Undefined: it will do. */
export function refuseWindow(ranges: readonly WeekRange[]): Problem | undefined {
  const faults: Fault[] = ranges.flatMap((range, index) =>
    lengthOf(range) < leastHours
      ? [{ field: `body.ranges.${index}`, reason: `must be ${leastHours} hours or longer` }]
      : [],
  );
  const covered = new Set(ranges.flatMap((range) => hoursOf(range)));
  if (covered.size < leastTotal)
    faults.push({
      field: "body.ranges",
      reason: `must be ${leastTotal} hours or more altogether; they are ${covered.size}`,
    });
  if (faults.length === 0) return undefined;
  return problem("invalid", "event_window_short", "This window is too short.", {
    fix: `Give ranges of ${leastHours} hours or more, ${leastTotal} hours altogether.`,
    faults,
  });
}

const hoursOf = (range: WeekRange) =>
  Array.from({ length: lengthOf(range) }, (_, index) => (startOf(range) + index) % week);

/** The first moment from `earliest` on that is inside of a window; itself without windows. */
export function nextIn(ranges: readonly WeekRange[], earliest: Instant): Instant {
  if (ranges.length === 0) return earliest;
  const now = (earliest / hour + epochHour) % week;
  const waits = ranges.map((range) => {
    const sinceStart = (now - startOf(range) + week) % week;
    return sinceStart < lengthOf(range) ? 0 : week - sinceStart;
  });
  return (earliest + Math.round(Math.min(...waits) * hour)) as Instant; // Hours from an instant are one.
}
