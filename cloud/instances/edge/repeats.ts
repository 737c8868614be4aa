/**
 * Requests and the jobs that carry them. One that comes with a key is carried out once, however often it is
 * sent: what its first sending has begun is the answer to all of them.
 *
 * The key alone is not enough: the same key with another request is a mistake of the caller's, and is told so.
 */
import { createHash } from "node:crypto";
import { findRepeats, type NewJob, type Repeat } from "@holdfast/cloud/jobs/edge";
import type { InstanceId, JobId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Request } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { JobKind } from "../core/model.ts";

/** Who asks, and how. */
export type Told = Pick<
  Request<unknown, unknown, unknown>,
  "caller" | "requestId" | "idempotencyKey"
>;

/** A job that is under way, or was. */
export interface Begun {
  readonly id: JobId;
  readonly targets: readonly InstanceId[];
}

export interface RepeatDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
}

export function repeats({ database, clock, mintId }: RepeatDeps) {
  return { newJob, once };

  /** What the caller's key stands for if it was used before, otherwise what `act` has made. */
  async function once(
    project: ProjectId,
    told: Told,
    asked: string,
    act: () => Promise<NewJob>,
  ): Promise<Begun> {
    const repeat = await findRepeat(project, told, asked);
    if (repeat) return { id: repeat.job, targets: repeat.targets };
    try {
      return await act();
    } catch (error) {
      if (told.idempotencyKey === undefined) throw error;
      // The same request may have been carried out meanwhile; then whatever stopped this one is its doing.
      const faster = await findRepeat(project, told, asked);
      if (!faster) throw error;
      return { id: faster.job, targets: faster.targets };
    }
  }

  function newJob(
    project: ProjectId,
    kind: JobKind,
    targets: readonly InstanceId[],
    { caller, requestId, idempotencyKey: key }: Told,
    asked: string,
  ): NewJob {
    const idempotency = key === undefined ? undefined : { key, hash: hashOf(kind, asked) };
    return {
      id: mintId<"Job">(),
      project,
      kind,
      targets,
      actor: caller.name,
      requestId,
      idempotency,
      createdAt: clock.now(),
    };
  }

  /** Rejects with `idempotency_key_reused` when the key stands for another request. */
  async function findRepeat(
    project: ProjectId,
    told: Told,
    asked: string,
  ): Promise<Repeat | undefined> {
    const key = told.idempotencyKey;
    if (key === undefined) return undefined;
    const [repeat] = await findRepeats(database, [{ project, key }]);
    if (repeat && !Object.keys(jobKinds).some((kind) => repeat.hash === hashOf(kind, asked)))
      throw keyReused(key);
    return repeat;
  }
}

const jobKinds: Readonly<Record<JobKind, true>> = {
  run: true,
  start: true,
  stop: true,
  reboot: true,
  relaunch: true,
  migrate: true,
  abort: true,
  destroy: true,
  recover: true,
  expunge: true,
};
const hashOf = (kind: string, asked: string) =>
  createHash("sha256").update(`${kind} ${asked}`).digest("hex");

/** The key has begun another job, which may be one for the same request. */
export const isKeyReused = (error: unknown) =>
  error instanceof Problem && error.code === "idempotency_key_reused";

/** What `once` answers with the job that there is, where that is for the same request. */
export const keyReused = (key: string) =>
  problem(
    "conflict",
    "idempotency_key_reused",
    `The key ${key} was used for a different request.`,
    {
      fix: "Use a new Idempotency-Key for a new request.",
    },
  );
