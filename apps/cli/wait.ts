/**
 * `--wait`: follows jobs to their end with a line that moves, and ends as they end.
 *
 * Jobs are followed one after another and not side by side: those that are done by the time it is their
 * turn cost one request, and a thousand of them do not become a thousand waiting connections.
 */
import { watchJob } from "@holdfast/client/jobs";
import { getInstance, type InstanceView } from "@holdfast/cloud/instances/api";
import type { JobView } from "@holdfast/cloud/jobs/api";
import { Problem, type ProblemView } from "@holdfast/kernel/problem";
import { exitOfJob } from "./exits.ts";
import { refusalText, type Session } from "./session.ts";
import { underWay } from "./text/instances.ts";
import { outcome, verdict } from "./text/jobs.ts";
import { Interrupted } from "./world.ts";

/** A job that was accepted, and what to call it. */
export interface Accepted {
  readonly job: string;
  readonly instances: readonly InstanceView[];
}

/** Follows every job to its end, says what became of each, and leaves with the exit code that follows. */
export async function waitForJobs(
  session: Session,
  accepted: readonly Accepted[],
): Promise<readonly JobView[]> {
  const ended: JobView[] = [];
  for (const one of accepted) {
    const job = await follow(session, one, { before: ended.length, of: accepted.length });
    ended.push(job);
    session.leaveWith(exitOfJob(job));
    if (session.options.json) session.print(JSON.stringify(job, null, 2));
    if (!session.options.json || job.problem) tell(session, one, job);
  }
  session.progress.end();
  return ended;
}

function tell(session: Session, { instances }: Accepted, job: JobView): void {
  const name = instances.length === 1 ? `${instances[0]?.name}: ` : "";
  session.note(`${name}${verdict(job)}`);
  if (!job.problem) return;
  const problem = job.problem as ProblemView; // Its kind is one of ours, or printed as it is.
  session.progress.above(refusalText(problem, { ...session, requestId: job.requestId }));
}

async function follow(
  session: Session,
  { job, instances }: Accepted,
  place: { readonly before: number; readonly of: number },
): Promise<JobView> {
  const client = await session.client();
  const { project } = session.options;
  const only = instances.length === 1 ? instances[0] : undefined;
  const prefix = place.of > 1 ? `${place.before} of ${place.of} done; ` : "";
  let last: JobView | undefined;
  try {
    for await (const view of watchJob(client, { project, job }, session.patience)) {
      last = view;
      if (view.state !== "running") break;
      const now = only && (await look(session, only.id));
      session.progress.say(
        prefix + (now ? describe(now, session) : `${view.kind}: ${outcome(view)}`),
      );
    }
  } catch (error) {
    if (error instanceof Interrupted)
      session.note(
        `Interrupted. The job goes on: holdfast job ${job}. To take it back: holdfast cancel ${job}`,
      );
    throw error;
  }
  if (!last) throw new Error("a job ended without ever being seen");
  return last;
}

function describe(instance: InstanceView, session: Session): string {
  // Without a terminal a countdown would be a new line each second, so only the step is told.
  const what = session.world.stderr.isTTY
    ? underWay(instance, session.now())
    : (instance.op?.step ?? "");
  const guest = instance.guest ? `guest ${instance.guest}` : "";
  return [`${instance.name}: ${instance.state}`, what, guest].filter(Boolean).join(", ");
}

/** How the instance is now. A look may fail: the job is what counts. */
async function look(session: Session, instance: string): Promise<InstanceView | undefined> {
  const client = await session.client();
  const params = { project: session.options.project, instance };
  try {
    return await client.call(getInstance, { params });
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
