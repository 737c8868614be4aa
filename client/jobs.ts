/**
 * Following a job to its end.
 *
 * The manager answers when there is progress, so this costs one waiting request and no polling. It must
 * not trust that: a manager that is shutting down answers at once, again and again.
 */
import { getJob, type JobView } from "@holdfast/cloud/jobs/api";
import { milliseconds, since } from "@holdfast/kernel/time";
import type { Client } from "./client.ts";
import { type Patience, patiently, pauseFor } from "./patience.ts";

export interface Watched {
  readonly project: string;
  readonly job: string;
  /** How long one request may wait for progress; 1 if absent, so that a watcher can look around. Seconds. */
  readonly lookEvery?: number;
}

/** At most this many questions in a row when the manager does not wait. */
const shortestRound = milliseconds(200);

/** The job now, and again at each progress or look; ends after the first view that is not `running`. */
export async function* watchJob(
  client: Client,
  { project, job, lookEvery = 1 }: Watched,
  patience: Patience,
): AsyncGenerator<JobView> {
  const { clock, signal } = patience;
  let waitSeconds = 0; // The first answer is for the reader's eye.
  let seen = 0;
  while (true) {
    const asked = clock.now();
    const view = await patiently(
      () => client.call(getJob, { params: { project, job }, query: { waitSeconds, seen }, signal }),
      patience,
    );
    yield view;
    if (view.state !== "running") return;
    const isNews = view.succeeded + view.failed + view.cancelled > seen;
    const took = since(asked, clock.now());
    if (waitSeconds > 0 && !isNews && took < shortestRound)
      await pauseFor(clock, milliseconds(shortestRound - took), signal);
    seen = view.succeeded + view.failed + view.cancelled;
    waitSeconds = lookEvery;
  }
}
