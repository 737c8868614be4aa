/** Jobs for people: what was asked, how far it is, and what became of it. */
import type { JobView } from "@holdfast/cloud/jobs/api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { counted, relative, span, stopwatch } from "./words.ts";

export function jobTable(jobs: readonly JobView[], now: Instant, paint: Paint): string {
  const rows = jobs.map((job) => [
    job.id,
    job.kind,
    stateCell(job),
    `${job.succeeded}/${job.total}`,
    relative(job.createdAt, now),
    took(job, now),
    job.actor,
    job.problem?.message ?? "",
  ]);
  return table(["ID", "KIND", "STATE", "DONE", "ASKED", "TOOK", "BY", "PROBLEM"], rows, paint);
}

export function jobDetails(job: JobView, now: Instant, paint: Paint): string {
  const few = job.instances.slice(0, 5).join(", ");
  const more = job.instances.length - 5;
  const state = stateCell(job);
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["id", job.id],
    ["done", outcome(job)],
    ["asked", `${relative(job.createdAt, now)} by ${job.actor}`],
    [job.finishedAt ? "took" : "for", took(job, now)],
    ["instances", more > 0 ? `${few} and ${more} more` : few],
    ["problem", job.problem ? { text: job.problem.message, tone: "bad" } : undefined],
    ["fix", job.problem?.fix],
    ["more", job.problem ? `docs/problems/${job.problem.code}.md` : undefined],
    ["request", job.requestId],
  ];
  const painted = typeof state === "string" ? state : paint(state.tone, state.text);
  return `${paint("strong", job.kind)}  ${painted}\n${facts(pairs, paint)}`;
}

/** `2 of 3 done, 1 failed`. */
export function outcome({ succeeded, failed, cancelled, total }: JobView): string {
  const parts = [
    total === 1 && succeeded === 1 ? "done" : `${succeeded} of ${total} done`,
    failed > 0 ? `${failed} failed` : "",
    cancelled > 0 ? `${cancelled} cancelled` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** One sentence for the end of a wait. */
export const verdict = (job: JobView) =>
  job.state === "succeeded"
    ? `${job.kind} done${job.total === 1 ? "" : ` for ${counted(job.total, "instance")}`}${tookText(job)}`
    : `${job.kind} ${job.state}: ${outcome(job)}`;

const tookText = ({ createdAt, finishedAt }: JobView) =>
  finishedAt ? ` in ${stopwatch(milliseconds(finishedAt - createdAt))}` : "";

const took = ({ createdAt, finishedAt }: JobView, now: Instant) =>
  span(milliseconds((finishedAt ?? now) - createdAt));

const tones = { running: "busy", succeeded: "good", failed: "bad", cancelled: "dim" } as const;
const stateCell = ({ state }: JobView): Cell => ({ text: state, tone: tones[state] });
