/**
 * Moments and times of the week as people type them: `+2h`, `2026-11-22T02:00Z`, `mon 02-06`.
 *
 * Only the kind is checked here; whether a moment is too early is for the manager to say.
 */
import { type Day, days, type WeekRange } from "@holdfast/cloud/events";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";

const units = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Rejects with `moment_unreadable`. A date without a zone is in the reader's. */
export function momentFrom(text: string, now: Instant): Instant {
  if (text === "now") return now;
  const [, count, unit] = /^\+(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count && unit)
    return (now + Number(count) * units[unit as keyof typeof units] * 1_000) as Instant; // Of the pattern.
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at as Instant; // What Date means is one.
  throw problem("invalid", "moment_unreadable", `"${text}" is no moment.`, {
    fix: "Write +30m, +2h or +1d from now, or a date such as 2026-11-22T02:00Z.",
  });
}

/** `mon 02-06`, or `sat 22 - sun 02`. In UTC. Rejects with `moment_unreadable`. */
export function rangeFrom(text: string): WeekRange {
  const shape = /^([a-z]{3,9}) +(\d{1,2})(?::00)? *- *(?:([a-z]{3,9}) +)?(\d{1,2})(?::00)?$/i.exec(
    text.trim(),
  );
  const [, from = "", startHour = "", to = from, endHour = ""] = shape ?? [];
  const startDay = dayFrom(from);
  const endDay = dayFrom(to);
  const [start, end] = [Number(startHour), Number(endHour)];
  if (!shape || !startDay || !endDay || start > 23 || end > 24)
    throw problem("invalid", "moment_unreadable", `"${text}" is no time of the week.`, {
      fix: 'Write "mon 02-06" or "sat 22 - sun 02", in UTC.',
    });
  if (end < 24) return { startDay, startHour: start, endDay, endHour: end };
  const next = days[(days.indexOf(endDay) + 1) % days.length] ?? endDay;
  return { startDay, startHour: start, endDay: next, endHour: 0 };
}

const dayFrom = (text: string): Day | undefined =>
  text.length >= 3 ? days.find((day) => day.startsWith(text.toLowerCase())) : undefined;
