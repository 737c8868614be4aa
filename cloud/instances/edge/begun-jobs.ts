/**
 * The jobs of a pass, begun before anything else of it: a key begins one, however many managers it is sent to, and what
 * turns out to be a repeat is left out of the pass.
 *
 * What a newcomer would get wrong: a repeat that is in one pass with what it repeats must become what that does.
 */
import { insertJobs, type NewJob } from "@holdfast/cloud/jobs/edge";
import type { JobId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { keyReused } from "./repeats.ts";
import type { Work } from "./work.ts";

/** A job that is not begun, because its key has begun another. `twin`: that one, where it is in the same pass and the same. */
export interface RepeatedJob {
  readonly job: NewJob;
  readonly twin: NewJob | undefined;
}

/** Without what has begun under its key before: here a moment ago, or at another manager. That is refused. */
export async function beginJobs(
  sql: Sql,
  given: Work,
  refused: Map<JobId, Problem>,
): Promise<{ readonly work: Work; readonly repeats: readonly RepeatedJob[] }> {
  const jobs = [...new Set([...given.births, ...given.orders].map(({ job }) => job))]; // One may be for many.
  const anew = await insertJobs(sql, jobs);
  const late = jobs.filter(({ id }) => !anew.has(id));
  if (late.length === 0) return { work: given, repeats: [] };
  const first = new Map(jobs.filter(({ id }) => anew.has(id)).map((job) => [sameAs(job), job]));
  for (const { id, idempotency } of late) refused.set(id, keyReused(idempotency?.key ?? ""));
  const isAnew = ({ job }: { readonly job: NewJob }) => anew.has(job.id);
  const work = {
    ...given,
    births: given.births.filter(isAnew),
    orders: given.orders.filter(isAnew),
  };
  return { work, repeats: late.map((job) => ({ job, twin: first.get(sameAs(job)) })) };
}

const sameAs = ({ project, idempotency }: NewJob) =>
  `${project} ${idempotency?.hash} ${idempotency?.key}`;

/**
 * Of twins one becomes what the other does. Tried by itself after a refusal, one would be carried out when whoever asked
 * has heard that it was not, and has gone on.
 */
export function shareFates(
  repeats: readonly RepeatedJob[],
  refused: Map<JobId, Problem>,
  contended: Set<JobId>,
): void {
  for (const { job, twin } of repeats) {
    const why = twin && refused.get(twin.id);
    if (why) refused.set(job.id, why);
    if (!twin || !contended.has(twin.id)) continue;
    refused.delete(job.id);
    contended.add(job.id);
  }
}
