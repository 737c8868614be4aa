/**
 * Jobs as rows. A job counts the instances that have got where it wanted them; it is over when all are
 * accounted for. It holds no orders: those are the wishes of the instances, so a job that nobody looks
 * at is carried out all the same.
 */
import type { InstanceId, JobId, ProjectId } from "@holdfast/kernel/ids";
import type { ProblemView } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, readPage } from "@holdfast/store/pages";
import type { JobView } from "../api.ts";

export interface NewJob {
  readonly id: JobId;
  readonly project: ProjectId;
  readonly kind: string;
  readonly targets: readonly InstanceId[];
  readonly actor: string;
  readonly requestId: string;
  /** The caller's key, and a hash of what was asked under it. */
  readonly idempotency: { readonly key: string; readonly hash: string } | undefined;
  readonly createdAt: Instant;
}

/**
 * Resolves with those of them that are new: a key begins one job, the first to come. Whoever begins another under it in a
 * transaction that is under way is waited for, so this comes first in one's own; those under keys in one order, or two
 * such transactions might wait for each other.
 */
export async function insertJobs(
  sql: Sql,
  jobs: readonly NewJob[],
): Promise<ReadonlySet<NewJob["id"]>> {
  if (jobs.length === 0) return new Set();
  const rows = [...jobs].sort(byKey).map((job) => ({
    id: job.id,
    project_id: job.project,
    kind: job.kind,
    state: "running",
    targets: job.targets,
    total: job.targets.length,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    actor: job.actor,
    request_id: job.requestId,
    idempotency_key: job.idempotency?.key ?? null,
    request_hash: job.idempotency?.hash ?? null,
    created_at: iso(job.createdAt),
  }));
  const begun = await sql.query<{ id: JobId }>(
    `insert into job select * from json_populate_recordset(null::job, $1::json)
     on conflict (project_id, idempotency_key) where idempotency_key is not null do nothing returning id`,
    [JSON.stringify(rows)],
  );
  return new Set(begun.map(({ id }) => id));
}

/** Jobs of this very transaction that nothing has come of: as if they had never been begun. */
export async function forgetJobs(sql: Sql, ids: readonly JobId[]): Promise<void> {
  if (ids.length > 0) await sql.query("delete from job where id = any($1)", [ids]);
}

function byKey(one: NewJob, other: NewJob): number {
  const [mine, theirs] = [placeOf(one), placeOf(other)];
  if (mine === theirs) return 0;
  return mine < theirs ? -1 : 1;
}

/** Projects may use the same key, each for its own. */
const placeOf = ({ project, idempotency }: NewJob) => `${idempotency?.key ?? ""} ${project}`;

/** How many jobs of a project are under way. */
export async function countRunningJobs(sql: Sql, project: ProjectId): Promise<number> {
  const [row] = await sql.query<{ running: number }>(
    "select count(*)::int as running from job where project_id = $1 and state = 'running'",
    [project],
  );
  return row?.running ?? 0;
}

/** A request that was made before under the same key. */
export interface Repeat {
  readonly key: string;
  readonly hash: string;
  readonly job: JobId;
  readonly targets: readonly InstanceId[];
}

export async function findRepeats(
  sql: Sql,
  asked: readonly { readonly project: ProjectId; readonly key: string }[],
): Promise<readonly Repeat[]> {
  if (asked.length === 0) return [];
  const rows = await sql.query<{ key: string; hash: string; job: JobId; targets: string }>(
    `select idempotency_key as key, request_hash as hash, id as job, array_to_json(targets)::text as targets
     from job where (project_id, idempotency_key) in (select * from unnest($1::uuid[], $2::text[]))`,
    [asked.map(({ project }) => project), asked.map(({ key }) => key)],
  );
  return rows.map((row) => ({ ...row, targets: JSON.parse(row.targets) as InstanceId[] })); // uuid[].
}

export interface Outcome {
  readonly job: JobId;
  readonly outcome: "succeeded" | "failed" | "cancelled";
  readonly problem?: ProblemView | undefined;
}

/** Adds up what has become of instances. A job whose last instance this was is over. */
export async function countOutcomes(
  sql: Sql,
  outcomes: readonly Outcome[],
  now: Instant,
): Promise<void> {
  if (outcomes.length === 0) return;
  const tallies = new Map<
    JobId,
    { succeeded: number; failed: number; cancelled: number; problem?: ProblemView }
  >();
  for (const { job, outcome, problem } of outcomes) {
    const tally = tallies.get(job) ?? { succeeded: 0, failed: 0, cancelled: 0 };
    tally[outcome]++;
    if (problem) tally.problem ??= problem;
    tallies.set(job, tally);
  }
  const rows = [...tallies].map(([id, tally]) => ({ id, ...tally }));
  await sql.query(
    `update job j set
       succeeded = j.succeeded + d.succeeded, failed = j.failed + d.failed, cancelled = j.cancelled + d.cancelled,
       problem = coalesce(j.problem, d.problem),
       state = case
         when j.state <> 'running' or j.succeeded + j.failed + j.cancelled + d.succeeded + d.failed + d.cancelled < j.total then j.state
         when j.failed + d.failed > 0 then 'failed'
         when j.cancelled + d.cancelled > 0 then 'cancelled'
         else 'succeeded' end,
       finished_at = case
         when j.succeeded + j.failed + j.cancelled + d.succeeded + d.failed + d.cancelled < j.total then null
         else $2::timestamptz end
     from (select * from json_to_recordset($1::json)
       as d (id uuid, succeeded int, failed int, cancelled int, problem jsonb) order by id) d
     where j.id = d.id`,
    [JSON.stringify(rows), iso(now)],
  );
}

interface JobRow extends Omit<JobView, "instances"> {
  readonly instances: string;
}

const columns = `id, kind, state, array_to_json(targets)::text as instances, total, succeeded, failed, cancelled,
  problem, actor, request_id as "requestId", created_at as "createdAt", finished_at as "finishedAt"`;

const viewOf = (row: JobRow): JobView => ({
  ...row,
  instances: JSON.parse(row.instances) as string[],
}); // uuid[].

export async function findJob(
  sql: Sql,
  project: ProjectId,
  id: JobId,
): Promise<JobView | undefined> {
  const [row] = await sql.query<JobRow>(
    `select ${columns} from job where project_id = $1 and id = $2`,
    [project, id],
  );
  return row && viewOf(row);
}

/** Newest first. Rejects with `cursor_not_valid`. */
export async function pageOfJobs(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly state?: string | undefined },
): Promise<{ jobs: JobView[]; next: string | null }> {
  const { items, next } = await readPage<JobRow>(
    sql,
    {
      name: `jobs ${project}`,
      from: "job j",
      where: [
        ["j.project_id = ?", project],
        ["j.state = ?", page.state],
      ],
      newestFirst: true,
      show: (found) => `select ${columns} from ${found}`,
    },
    page,
  );
  return { jobs: items.map(viewOf), next };
}
