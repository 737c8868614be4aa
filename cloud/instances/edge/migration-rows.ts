/**
 * Moves as rows: what is under way of each instance, and what its hosts are still to remove.
 *
 * The row is written with the instance, in the same transaction, but for what the source says of its
 * progress: that is not a fact which anything is decided by.
 */
import type { Proof } from "@holdfast/cloud/availability";
import type {
  HostState,
  MachineReport,
  MigrationReport,
  VolumeReport,
} from "@holdfast/cloud/hosts";
import type { HostId, InstanceId, JobId, MigrationId, VolumeId } from "@holdfast/kernel/ids";
import type { ProblemView } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type MigrationState, openStates } from "../core/migration-lifecycle.ts";
import type { Ending, Incarnation, Migration, MigrationTerms } from "../core/model.ts";
import { fenceOf, leaseOf } from "./leases.ts";

/** A row as JSON, with what is known of its destination. */
export interface MigrationRow {
  readonly id: MigrationId;
  readonly state: MigrationState;
  readonly from_host: HostId;
  readonly to_host: HostId;
  readonly to_epoch: number;
  readonly to_generation: number;
  readonly relay: string | null;
  readonly abort: Migration["abort"] | null;
  readonly has_given_up: boolean;
  readonly has_sent: boolean;
  readonly says: string | null;
  readonly problem: ProblemView | null;
  readonly terms: MigrationTerms;
  readonly phase: Incarnation["phase"];
  readonly guest: Incarnation["guest"];
  readonly reboots: number;
  readonly ending: Ending | null;
  readonly host_state: HostState;
  readonly certificate: string | null;
  readonly proof: Proof | null;
  /** JSON has no moments. */
  readonly proven_at: string | null;
}

export const isOpen = `state in (${[...openStates].map((state) => `'${state}'`).join(", ")})`;

/** SQL for the open move of an instance, as JSON; null where there is none. */
export const migrationsOf = (instance: string, pool: string) => `(
  select json_build_object('id', g.id, 'state', g.state, 'from_host', g.from_host, 'to_host', g.to_host,
    'to_epoch', e.host_epoch, 'to_generation', g.to_generation, 'relay', g.relay, 'abort', g.abort,
    'has_given_up', g.has_given_up, 'has_sent', g.has_sent, 'says', g.says, 'problem', g.problem, 'terms', g.terms,
    'phase', e.phase, 'guest', e.guest, 'reboots', e.reboots, 'ending', e.ending,
    'host_state', d.state, 'certificate', x.id, 'proof', x.proof, 'proven_at', x.proven_at)
  from migration g
    join incarnation e on e.instance_id = g.instance_id and e.generation = g.to_generation
    join host d on d.id = g.to_host
    left join fence_certificate x on x.host_id = e.host_id and x.epoch = e.host_epoch
      and (x.covers = 'everything' or ${pool} <> 'local')
  where g.instance_id = ${instance}.id and g.${isOpen})`;

export function migrationOf(row: MigrationRow): Migration {
  const { proven_at: provenAt } = row;
  const fence = fenceOf({
    certificate: row.certificate,
    proof: row.proof,
    proven_at: provenAt === null ? null : (Date.parse(provenAt) as Instant), // Of the database's own writing.
  });
  return {
    id: row.id,
    state: row.state,
    from: row.from_host,
    arrival: {
      generation: row.to_generation,
      host: row.to_host,
      phase: row.phase,
      guest: row.guest,
      reboots: row.reboots,
      ending: row.ending ?? undefined,
    },
    lease: fence ? "fenced" : leaseOf[row.host_state],
    fence,
    relay: row.relay ?? undefined,
    abort: row.abort ?? undefined,
    hasGivenUp: row.has_given_up,
    hasSent: row.has_sent,
    says: row.says ?? undefined,
    problem: row.problem ?? undefined,
    terms: row.terms,
  };
}

/** A move as a pass leaves it. */
export interface WrittenMigration {
  readonly instance: InstanceId;
  readonly migration: Migration;
  readonly fromEpoch: number;
  readonly fromGeneration: number;
  readonly toEpoch: number;
  readonly why: string;
  readonly actor: string;
  readonly job: JobId | undefined;
  /** The host that has a copy of a local volume which nobody needs any more. */
  readonly leftover: HostId | undefined;
  readonly at: Instant;
}

export async function writeMigrations(
  sql: Sql,
  written: readonly WrittenMigration[],
): Promise<void> {
  if (written.length === 0) return;
  const rows = written.map(({ instance, migration, at, ...more }) => ({
    id: migration.id,
    instance_id: instance,
    state: migration.state,
    from_host: migration.from,
    from_epoch: more.fromEpoch,
    from_generation: more.fromGeneration,
    to_host: migration.arrival.host,
    to_epoch: more.toEpoch,
    to_generation: migration.arrival.generation,
    relay: migration.relay ?? null,
    abort: migration.abort ?? null,
    has_given_up: migration.hasGivenUp,
    has_sent: migration.hasSent,
    says: migration.says ?? null,
    problem: migration.problem ?? null,
    terms: migration.terms,
    why: more.why,
    actor: more.actor,
    job_id: more.job ?? null,
    started_at: iso(at),
    copying_at: migration.state === "copying" ? iso(at) : null,
    ended_at: openStates.has(migration.state) ? null : iso(at),
    leftover_host: more.leftover ?? null,
  }));
  await sql.query(
    `insert into migration as old select * from json_populate_recordset(null::migration, $1::json)
     on conflict (id) do update set
       state = excluded.state, relay = excluded.relay, abort = excluded.abort,
       -- Its source may have said more since this was read.
       has_given_up = old.has_given_up or excluded.has_given_up,
       has_sent = old.has_sent or excluded.has_sent,
       says = coalesce(excluded.says, old.says), problem = coalesce(excluded.problem, old.problem),
       copying_at = coalesce(old.copying_at, excluded.copying_at),
       ended_at = coalesce(old.ended_at, excluded.ended_at), leftover_host = excluded.leftover_host`,
    [JSON.stringify(rows)],
  );
}

/** The end of a process that was moved away from. */
export interface Departed {
  readonly instance: InstanceId;
  readonly generation: number;
  readonly host: HostId;
  readonly ending: Ending;
  readonly evidence: unknown;
}

/** A copy of a local volume that nobody needs any more. */
export interface Leftover {
  readonly host: HostId;
  readonly volume: VolumeId;
}

/** They have been seen to end: their moves are done. Returns what their hosts are to remove now. */
export async function writeDepartures(
  sql: Sql,
  ended: readonly Departed[],
  now: Instant,
): Promise<readonly Leftover[]> {
  if (ended.length === 0) return [];
  const done = await sql.query<Leftover & { instance: InstanceId; generation: number }>(
    `update migration g set state = 'done'
     from json_to_recordset($1::json) as d (instance uuid, generation int, host uuid), instance i
     where g.instance_id = d.instance and g.from_generation = d.generation and g.from_host = d.host
       and g.state = 'switched' and i.id = g.instance_id
     returning g.instance_id as instance, g.from_generation as generation, g.leftover_host as host,
       i.volume_id as volume`,
    [JSON.stringify(ended)],
  );
  const isDone = (one: Departed) =>
    done.some(
      ({ instance, generation }) => instance === one.instance && generation === one.generation,
    );
  await sql.query(
    `update incarnation c set phase = 'exited', exited_at = $2, ending = d.ending, evidence = d.evidence
     from json_to_recordset($1::json) as d (instance uuid, generation int, ending jsonb, evidence jsonb)
     where c.instance_id = d.instance and c.generation = d.generation and c.phase <> 'exited'`,
    [JSON.stringify(ended.filter(isDone)), iso(now)],
  );
  return done.filter(({ host }) => host !== null);
}

/** A host is here with all that it has: what has moved away from it and is not among that has ended. */
export async function settleDepartures(
  sql: Sql,
  host: HostId,
  machines: readonly MachineReport[],
): Promise<void> {
  await sql.query(
    `update migration g set state = 'done' where g.from_host = $1 and g.state = 'switched'
       and not exists (select from json_to_recordset($2::json) as m (instance uuid, generation int, phase text)
         where m.instance = g.instance_id and m.generation = g.from_generation and m.phase <> 'exited')`,
    [
      host,
      JSON.stringify(
        machines.map(({ instance, generation, phase }) => ({ instance, generation, phase })),
      ),
    ],
  );
}

/**
 * What the source of a move says of it. The latest counts, and is said again by the host until it is over, so
 * nothing is made of its order; only that it tries no more, or has sent all of it, is for keeps. Returns the
 * instance if one of these is news.
 */
export async function writeProgress(
  sql: Sql,
  host: HostId,
  report: MigrationReport,
  now: Instant,
): Promise<InstanceId | undefined> {
  const { migration, instance, facts, is, says, problem } = report;
  const hasGivenUp = is === "gave-up";
  const [row] = await sql.query<{ isNews: boolean }>(
    `update migration g set progress = $4, progress_at = $5, downtime_ms = coalesce($6, g.downtime_ms),
       has_given_up = g.has_given_up or ($7 and g.${isOpen}),
       has_sent = g.has_sent or ($10 and g.${isOpen}),
       says = case when $7 and g.${isOpen} then coalesce(g.says, $8) else g.says end,
       problem = case when $7 and g.${isOpen} then coalesce(g.problem, $9) else g.problem end
     from migration old
     where g.id = $1 and old.id = g.id and g.instance_id = $2 and g.from_host = $3
       and g.state not in ('aborted', 'failed')
     returning (g.has_given_up and not old.has_given_up) or (g.has_sent and not old.has_sent) as "isNews"`,
    [
      ...[
        migration,
        instance,
        host,
        JSON.stringify({ ...facts, ...(says ? { says } : {}) }),
        iso(now),
      ],
      ...[facts.downtime ?? null, hasGivenUp, says ?? null],
      ...[problem ? JSON.stringify(problem) : null, facts.status === "completed" && !hasGivenUp],
    ],
  );
  return row?.isNews ? instance : undefined;
}

/** Copies that this host says it has removed. */
export async function writeLeftovers(
  sql: Sql,
  reports: readonly (VolumeReport & { readonly host: HostId })[],
): Promise<void> {
  const deleted = reports.filter(({ is }) => is === "deleted");
  if (deleted.length === 0) return;
  await sql.query(
    `update migration g set leftover_host = null
     from unnest($1::uuid[], $2::uuid[]) d (volume_id, host_id), instance i
     where i.volume_id = d.volume_id and g.instance_id = i.id and g.leftover_host = d.host_id`,
    [deleted.map(({ volume }) => volume), deleted.map(({ host }) => host)],
  );
}

/** The local volumes that these hosts have needless copies of. Never one that is there by right. */
export async function leftoversOn(
  sql: Sql,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, readonly VolumeId[]>> {
  const rows = await sql.query<{ host: HostId; volumes: VolumeId[] }>(
    `select g.leftover_host as host, array_agg(distinct v.id) as volumes
     from migration g join instance i on i.id = g.instance_id join volume v on v.id = i.volume_id
     where g.leftover_host = any($1) and g.state <> 'switched' and v.host_id <> g.leftover_host
       and not exists (select from migration o
         where o.instance_id = i.id and o.to_host = g.leftover_host and o.${isOpen})
     group by 1`,
    [hosts],
  );
  return new Map(rows.map(({ host, volumes }) => [host, volumes]));
}
