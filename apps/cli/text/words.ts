/**
 * Numbers and moments as people say them.
 *
 * Everything that came from a guest or from another person goes through `plain` before it reaches a
 * terminal: a serial console can write escape sequences that retitle, recolour or type into a shell.
 */
import { type Duration, type Instant, milliseconds } from "@holdfast/kernel/time";

/** A length of time in its largest fitting unit: `43 s`, `12 min`, `5 h`, `9 days`. */
export function span(duration: Duration): string {
  const seconds = Math.round(Math.abs(duration) / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 120 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** The same while it runs, so that something is seen to move: `0.4 s`, `12.0 s`, then as `span`. */
export const stopwatch = (duration: Duration) =>
  duration < 60_000 ? `${(duration / 1_000).toFixed(1)} s` : span(duration);

/** How long ago it was, or how soon it will be: `3 min ago`, `in 43 s`, `now`. */
export function relative(moment: number, now: Instant): string {
  const away = milliseconds(moment - now);
  if (Math.abs(away) < 500) return "now";
  return away > 0 ? `in ${span(away)}` : `${span(away)} ago`;
}

/** A deadline: `in 43 s`, or `overdue by 5 s`, because a deadline in the past is news. */
export function deadline(moment: number, now: Instant): string {
  return moment >= now
    ? `in ${span(milliseconds(moment - now))}`
    : `overdue by ${span(milliseconds(now - moment))}`;
}

/** A size of memory: `512 MiB`, `1.5 GiB`. */
export const memory = (mebibytes: number) => scaled(mebibytes, ["MiB", "GiB", "TiB"]);

/** A number of bytes: `900 B`, `4 MiB`. */
export const bytes = (count: number) => scaled(count, ["B", "KiB", "MiB", "GiB", "TiB"]);

function scaled(value: number, units: readonly string[]): string {
  const step = Math.max(
    0,
    Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10)),
  );
  const number = value / 1024 ** step;
  return `${Number.isInteger(number) || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[step]}`;
}

/** The time of day with milliseconds in the reader's zone, for lines of a log. */
export function clockTime(moment: number): string {
  const at = new Date(moment);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `1 instance`, `3 instances`. */
export const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Without anything that a terminal would obey. Escape sequences go whole, other controls one by one. */
export function plain(text: string): string {
  return text.replace(sequences, "").replace(controls, "");
}

const esc = String.fromCharCode(27);
const bell = String.fromCharCode(7);
const sequences = new RegExp(
  String.raw`${esc}(?:\[[0-?]*[ -/]*[@-~]|\][^${bell}${esc}]*(?:${bell}|${esc}\\)|.)`,
  "g",
);
/** Everything but the tab; and what would turn the direction of the text around. */
const controls = /(?!\t)[\p{Cc}\p{Bidi_Control}]/gu;
