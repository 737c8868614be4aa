/**
 * Lines in order of time: the journal, the guest's console log, and the trace that joins them all.
 *
 * They are printed as they come, not aligned as a table, so that they can be followed.
 */
import type { ReplyOf } from "@holdfast/client/client";
import type {
  getConsoleLog,
  listInstanceEvents,
  traceInstance,
} from "@holdfast/cloud/instances/api";
import type { Paint, Tone } from "./table.ts";
import { clockTime, plain } from "./words.ts";

type Event = ReplyOf<typeof listInstanceEvents>["events"][number];
type LogLine = ReplyOf<typeof getConsoleLog>["lines"][number];
type TraceLine = ReplyOf<typeof traceInstance>["lines"][number];

export function eventLine(event: Event, paint: Paint): string {
  const { from, to } = event;
  const move = from && to && from !== to ? `${from} -> ${to}` : (to ?? from ?? "");
  const parts = [
    paint("dim", clockTime(event.at)),
    event.event.padEnd(22),
    move.padEnd(24),
    paint("dim", `by ${plain(event.actor)}`),
    detailOf(event.detail),
  ];
  return parts.filter(Boolean).join("  ").trimEnd();
}

/** What the journal adds: the cause in words if there is one, otherwise whatever it is, on one line. */
function detailOf(detail: unknown): string {
  if (detail === null || detail === undefined) return "";
  const { cause, says } = detail as { cause?: { says?: unknown }; says?: unknown }; // Only looked at.
  const words = cause?.says ?? says;
  if (typeof words === "string") return plain(words);
  const text = JSON.stringify(detail);
  return text === "{}" ? "" : plain(text.length > 200 ? `${text.slice(0, 199)}…` : text);
}

export const logLine = ({ at, text }: LogLine, paint: Paint) =>
  `${paint("dim", clockTime(at))}  ${plain(text)}`;

const tones: Readonly<Record<TraceLine["source"], Tone | undefined>> = {
  journal: "strong",
  api: undefined,
  placement: undefined,
  manager: undefined,
  agent: undefined,
  hypervisor: "busy",
  guest: "good",
};

export function traceLine({ at, source, text }: TraceLine, paint: Paint): string {
  const tone = tones[source];
  const name = source.padEnd(10);
  return `${paint("dim", clockTime(at))}  ${tone ? paint(tone, name) : name}  ${plain(text)}`;
}

/** Of `after`, the lines that were not in `before`: both are windows on the end of the same log. */
export function freshLines(
  before: readonly LogLine[],
  after: readonly LogLine[],
): readonly LogLine[] {
  for (let shared = Math.min(before.length, after.length); shared > 0; shared--) {
    const start = before.length - shared;
    const isSame = (line: LogLine, index: number) =>
      line.at === before[start + index]?.at && line.text === before[start + index]?.text;
    if (after.slice(0, shared).every(isSame)) return after.slice(shared);
  }
  return after;
}
