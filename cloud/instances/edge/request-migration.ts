/**
 * The one way to begin a live migration, for people and for other capabilities: maintenance, rebalancing.
 *
 * It resolves once the move is written down with room on its destination, and rejects if it cannot begin.
 * From then on it is carried out by nobody in particular: whoever asked may forget it, or follow its row.
 */
import type { NewJob } from "@holdfast/cloud/jobs/edge";
import type { HostId, InstanceId, MigrationId, MintId, ProjectId } from "@holdfast/kernel/ids";
import type { Clock } from "@holdfast/kernel/time";
import type { Worker } from "./worker.ts";

export interface MigrationRequest {
  readonly project: ProjectId;
  readonly instance: InstanceId;
  /** Undefined: wherever there is room. */
  readonly to?: HostId | undefined;
  /** In words, for whoever reads of it later: `maintenance of host-1`. */
  readonly why: string;
  readonly bytesPerSecond?: number | undefined;
  readonly mayPostcopy?: boolean | undefined;
  /** A network that both hosts have an address in, such as `10.8.0.0/24`. */
  readonly network?: string | undefined;
  readonly actor: string;
  readonly requestId: string;
  /** A job of the caller's own kind of request; made here if absent. */
  readonly job?: NewJob | undefined;
}

export interface MigrationDeps {
  readonly worker: Worker;
  readonly clock: Clock;
  readonly mintId: MintId;
}

/**
 * Rejects with `not_in_this_state`, `instance_busy`, `destination_unsuitable`, `no_destination` or
 * `insufficient_capacity`; nothing has changed then.
 */
export async function requestMigration(
  { worker, clock, mintId }: MigrationDeps,
  asked: MigrationRequest,
): Promise<{ readonly job: NewJob; readonly migration: MigrationId }> {
  const { project, instance, actor, requestId } = asked;
  const job: NewJob = asked.job ?? {
    id: mintId<"Job">(),
    project,
    kind: "migrate",
    targets: [instance],
    actor,
    requestId,
    idempotency: undefined,
    createdAt: clock.now(),
  };
  const migration = mintId<"Migration">();
  const move = {
    id: migration,
    job: { id: job.id, kind: "migrate" as const },
    requestId,
    to: asked.to,
    why: asked.why,
    bytesPerSecond: asked.bytesPerSecond,
    mayPostcopy: asked.mayPostcopy ?? false,
    network: asked.network,
  };
  await worker.order({ instance, order: { verb: "migrate", move }, job, actor });
  return { job, migration };
}
