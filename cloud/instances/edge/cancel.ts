/**
 * Taking back what a job has not finished, and the other answers about jobs.
 *
 * There is nothing to interrupt: a job is a wish, so it is cancelled by the opposite wish. A run is
 * destroyed again, a start is stopped, a stop is started again once it is off, a destroy is taken back.
 */
import { cancelJob, getJob, type JobView, listJobs } from "@holdfast/cloud/jobs/api";
import { findJob, type NewJob, pageOfJobs } from "@holdfast/cloud/jobs/edge";
import type { InstanceId, JobId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Clock, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { oppositeOf } from "../core/cancel.ts";
import type { JobKind } from "../core/model.ts";
import type { Worker } from "./worker.ts";

interface Deps {
  readonly database: Database;
  readonly worker: Worker;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly mintId: MintId;
  /** `moved` resolves when this job has moved, after so many milliseconds, or when forgotten. */
  readonly progress: (
    job: JobId,
    milliseconds: number,
  ) => { readonly moved: Promise<void>; forget(): void };
}

export function cancelRoutes({ database, worker, clock, ticks, mintId, progress }: Deps) {
  return {
    getJob: handle(getJob, async ({ params, query }) => {
      const until = ticks() + query.waitSeconds * 1_000;
      for (;;) {
        // Asked for before reading, so that what happens in between is not missed.
        const next = progress(params.job, Math.max(0, until - ticks()));
        const job = await mustFind(params.project, params.job).catch((error: unknown) => {
          next.forget();
          throw error;
        });
        const done = job.succeeded + job.failed + job.cancelled;
        if (job.state !== "running" || done > query.seen || ticks() >= until) {
          next.forget();
          return job;
        }
        await next.moved;
      }
    }),
    listJobs: handle(listJobs, ({ params, query }) => pageOfJobs(database, params.project, query)),
    cancelJob: handle(cancelJob, async ({ params, caller, requestId }) => {
      const job = await mustFind(params.project, params.job);
      if (job.state !== "running") return job;
      const opposite = oppositeOf(job.kind as JobKind); // Jobs are only made by commands.
      if (!opposite) throw notCancellable(job);
      const rows = await database.query<{ id: InstanceId }>(
        "select id from instance where job_id = $1 order by id",
        [params.job],
      );
      const results = await Promise.allSettled(
        rows.map(({ id }) => {
          const undo: NewJob = {
            id: mintId<"Job">(),
            project: params.project,
            kind: opposite,
            targets: [id],
            actor: caller.name,
            requestId,
            idempotency: undefined,
            createdAt: clock.now(),
          };
          const order = {
            verb: opposite,
            force: false,
            job: { id: undo.id, kind: opposite },
            requestId,
            isUndo: true,
          };
          return worker.order({ instance: id, order, job: undo, actor: caller.name });
        }),
      );
      const refused = results.find((result) => result.status === "rejected");
      if (refused && results.every(({ status }) => status === "rejected")) throw refused.reason;
      return mustFind(params.project, params.job);
    }),
  };

  async function mustFind(project: ProjectId, id: JobId): Promise<JobView> {
    const job = await findJob(database, project, id);
    if (job) return job;
    throw problem("not_found", "job_not_found", `There is no job ${id}.`, {
      fix: "See them: holdfast jobs",
    });
  }
}

const notCancellable = ({ kind }: JobView) =>
  problem("conflict", "job_not_cancellable", `A ${kind} cannot be taken back.`, {
    fix: "It ends by itself, at the latest at its deadline: holdfast jobs",
  });
