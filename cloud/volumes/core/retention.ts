/**
 * Which backups of a schedule are kept, and when the next one is due.
 *
 * Of each of the latest hours, days and weeks in which there is a backup the last one is kept, as many as asked
 * for; one backup may be the last of its hour, its day and its week. Hours without a backup do not count: a
 * platform that was off for a week keeps what it had.
 */
import type { BackupId } from "@holdfast/kernel/ids";
import { type Instant, minutes } from "@holdfast/kernel/time";

export interface Keep {
  readonly hourly: number;
  readonly daily: number;
  readonly weekly: number;
}

export interface Kept {
  readonly id: BackupId;
  readonly at: Instant;
}

const hour = 3_600_000;
const day = 24 * hour;
/** Weeks begin on Monday, and the epoch on a Thursday. */
const toMonday = 3 * day;

const periods: readonly (readonly [keyof Keep, (at: Instant) => number])[] = [
  ["hourly", (at) => Math.floor(at / hour)],
  ["daily", (at) => Math.floor(at / day)],
  ["weekly", (at) => Math.floor((at + toMonday) / (7 * day))],
];

/** Those that nobody asked to keep; never the latest one. */
export function expendable(backups: readonly Kept[], keep: Keep): readonly BackupId[] {
  const latestFirst = [...backups].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  const kept = new Set(latestFirst.slice(0, 1).map(({ id }) => id));
  for (const [name, periodOf] of periods) {
    const seen = new Set<number>();
    for (const { id, at } of latestFirst) {
      if (seen.has(periodOf(at))) continue;
      if (seen.size === keep[name]) break;
      seen.add(periodOf(at));
      kept.add(id);
    }
  }
  return latestFirst.filter(({ id }) => !kept.has(id)).map(({ id }) => id);
}

/** The first slot after now. Slots that were missed are not made up for: one backup holds what all would have. */
export function nextAfter(due: Instant, everyMinutes: number, now: Instant): Instant {
  const every = minutes(everyMinutes);
  const missed = Math.max(0, Math.floor((now - due) / every));
  return (due + every * (missed + 1)) as Instant; // An instant and a duration.
}
