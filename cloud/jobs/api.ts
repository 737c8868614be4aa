/** What the world may ask about jobs: the asynchronous answer to every command. */

import { changes, reads } from "@holdfast/kernel/declare";
import type { JobId } from "@holdfast/kernel/ids";
import { Cursor, inProject, Next, ProblemShape, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";

export const jobStates = ["running", "succeeded", "failed", "cancelled"] as const;

export const JobView = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(jobStates),
  instances: z.array(z.string()).describe("The instances it is about."),
  total: z.number().int(),
  succeeded: z.number().int(),
  failed: z.number().int(),
  cancelled: z.number().int(),
  problem: ProblemShape.nullable().describe("Why it failed; of the first instance that did."),
  actor: z.string(),
  requestId: z.string(),
  createdAt: z.number().describe("Milliseconds since the epoch."),
  finishedAt: z.number().nullable(),
});
export type JobView = z.output<typeof JobView>;

const JobParams = z.object({
  project: ProjectParam,
  job: z.uuid().transform((text) => text as JobId), // Checked just before.
});

export const getJob = reads({
  path: "/v1/projects/:project/jobs/:job",
  summary:
    "One job. With `waitSeconds` it answers when the job has made progress, or after that time.",
  needs: "project:read",
  params: JobParams,
  query: z.strictObject({
    waitSeconds: z.coerce.number().min(0).max(60).default(0),
    seen: z.coerce
      .number()
      .int()
      .min(0)
      .max(1e9)
      .default(0)
      .describe("Instances you know to be done."),
  }),
  reply: JobView,
  fails: { job_not_found: "not_found" },
});

export const listJobs = reads({
  path: "/v1/projects/:project/jobs",
  summary: "Jobs, newest first, a page at a time.",
  needs: "project:read",
  params: inProject,
  query: z.strictObject({
    state: z.enum(jobStates).optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(50),
    after: Cursor.optional(),
  }),
  reply: z.object({ jobs: z.array(JobView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});

export const cancelJob = changes("POST", {
  path: "/v1/projects/:project/jobs/:job/cancel",
  summary:
    "Undo what a job has not finished: a run is destroyed again, a start is stopped, a stop is started again, a destroy is taken back.",
  needs: "project:operate",
  params: JobParams,
  body: z.strictObject({}).default({}),
  reply: [202, JobView],
  fails: {
    job_not_found: "not_found",
    job_not_cancellable: "conflict",
    not_in_this_state: "conflict",
    instance_protected: "conflict",
  },
});
