/** Live migrations for people: where to, how far, and what it cost the guest. */
import type { MigrationView } from "@holdfast/cloud/instances/migration-api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { bytes, relative, span, stopwatch } from "./words.ts";

export function migrationTable(
  migrations: readonly MigrationView[],
  now: Instant,
  paint: Paint,
): string {
  const rows = migrations.map((one) => [
    one.id,
    one.instance,
    stateCell(one),
    one.from,
    one.to,
    relative(one.startedAt, now),
    one.totalMs === null ? "" : stopwatch(milliseconds(one.totalMs)),
    one.downtimeMs === null ? "" : `${Math.round(one.downtimeMs)} ms`,
    isOpen(one) ? progressText(one) : (one.says ?? ""),
  ]);
  const heads = ["ID", "INSTANCE", "STATE", "FROM", "TO", "BEGUN", "TOOK", "DOWNTIME", "SAYS"];
  return table(heads, rows, paint);
}

export function migrationDetails(one: MigrationView, now: Instant, paint: Paint): string {
  const state = stateCell(one);
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["id", one.id],
    ["way", `${one.from} to ${one.to}, generation ${one.generation} there`],
    ["why", `${one.why}, by ${one.actor}`],
    ["begun", relative(one.startedAt, now)],
    ["took", one.totalMs === null ? undefined : stopwatch(milliseconds(one.totalMs))],
    ["stood still", one.downtimeMs === null ? undefined : `${Math.round(one.downtimeMs)} ms`],
    ["limit", one.bandwidthMbps === null ? undefined : `${one.bandwidthMbps} Mbit/s`],
    ["network", one.network ?? undefined],
    ["progress", isOpen(one) && one.progress ? progressText(one) : undefined],
    ["says", one.says ? { text: one.says, tone: "bad" } : undefined],
    ["problem", one.problem ? `${one.problem.code}: ${one.problem.message}` : undefined],
    ["fix", one.problem?.fix],
    ["job", one.job ?? undefined],
  ];
  const painted = typeof state === "string" ? state : paint(state.tone, state.text);
  return `${paint("strong", one.instance)}  ${painted}\n${facts(pairs, paint)}`;
}

const barWidth = 20;

/** `[##########----------] 50%, 512 MiB left, 110 MiB/s, 5 s`. */
export function progressText({ progress, isAbortWanted, state }: MigrationView): string {
  if (isAbortWanted) return "is being broken off";
  if (!progress || state === "preparing") return "preparing the destination";
  const { remainingBytes, totalBytes, disksRemainingBytes, bytesPerSecond, timeLeftMs } = progress;
  const left = remainingBytes + disksRemainingBytes;
  const all = Math.max(totalBytes + disksRemainingBytes, left, 1);
  const share = 1 - left / all;
  const filled = Math.round(share * barWidth);
  const parts = [
    `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}] ${Math.floor(share * 100)}%`,
    `${bytes(left)} left`,
    `${bytes(Math.round(bytesPerSecond))}/s`,
    timeLeftMs === null ? "no end in sight at this rate" : span(milliseconds(timeLeftMs)),
    ...(progress.isThrottled ? ["guest slowed down"] : []),
  ];
  return parts.join(", ");
}

/** One sentence for the end of it. */
export function verdictOf(one: MigrationView): string {
  const took = one.totalMs === null ? "" : ` in ${stopwatch(milliseconds(one.totalMs))}`;
  const still =
    one.downtimeMs === null ? "" : `; it stood still for ${Math.round(one.downtimeMs)} ms`;
  if (one.state === "switched" || one.state === "done")
    return `${one.instance} runs on ${one.to}${took}${still}.`;
  return `${one.instance} was not moved to ${one.to}: ${one.says ?? one.state}.`;
}

export const isOpen = ({ state }: MigrationView) => state === "preparing" || state === "copying";

const tones = {
  preparing: "busy",
  copying: "busy",
  switched: "good",
  done: "good",
  aborted: "dim",
  failed: "bad",
} as const;
const stateCell = ({ state }: MigrationView): Cell => ({ text: state, tone: tones[state] });
