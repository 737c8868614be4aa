/**
 * Instances as rows: the one place that knows how a record and its columns correspond.
 *
 * Reading goes by column aliases, writing by `json_populate_recordset`, so a batch of any size is one
 * statement with one parameter.
 */
import type { MetadataTokens } from "@holdfast/cloud/metadata";
import type { HostId, ImageId, InstanceId, JobId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { InstanceState } from "../core/lifecycle.ts";
import type {
  Cause,
  Desired,
  Incarnation,
  Instance,
  JobKind,
  Op,
  Recovery,
} from "../core/model.ts";

export interface InstanceRow {
  readonly id: InstanceId;
  readonly project_id: ProjectId;
  readonly name: string;
  readonly type: string;
  readonly cpus: number;
  readonly memory_mib: number;
  readonly image_id: ImageId;
  readonly volume_id: VolumeId;
  readonly zone: string | null;
  readonly host_tags: string[];
  readonly anti_affinity_group: string | null;
  readonly user_data: string | null;
  readonly start_paused: boolean;
  readonly is_protected: boolean;
  readonly metadata: "on" | "off" | null;
  readonly metadata_tokens: MetadataTokens | null;
  readonly metadata_hops: number | null;
  readonly recovery: Recovery;
  readonly priority: number;
  readonly depends_on: InstanceId[] | string;
  readonly last_host: HostId | null;
  readonly created_at: Instant;
  readonly desired: Desired;
  readonly state: InstanceState;
  readonly op: Op | null;
  readonly job_id: JobId | null;
  readonly job_kind: JobKind | null;
  readonly is_forced: boolean;
  readonly generation: number;
  readonly last_generation: number;
  readonly home: HostId | null;
  readonly reboots: number;
  readonly cause: Cause | null;
  readonly restarts: Instant[];
  readonly not_before: Instant | null;
  readonly avoid_hosts: HostId[] | string;
  readonly destroyed_at: Instant | null;
  readonly request_id: string;
  readonly version: number;
}

export function instanceOf(row: InstanceRow): Instance {
  return {
    id: row.id,
    project: row.project_id,
    name: row.name,
    type: row.type,
    cpus: row.cpus,
    memoryMiB: row.memory_mib,
    image: row.image_id,
    volume: row.volume_id,
    zone: row.zone ?? undefined,
    hostTags: row.host_tags,
    antiAffinityGroup: row.anti_affinity_group ?? undefined,
    userData: row.user_data ?? undefined,
    startPaused: row.start_paused,
    isProtected: row.is_protected,
    metadata: row.metadata ?? "on",
    metadataTokens: row.metadata_tokens ?? "optional",
    metadataHops: row.metadata_hops ?? 1,
    recovery: row.recovery,
    priority: row.priority,
    dependsOn: uuids(row.depends_on),
    lastHost: row.last_host ?? undefined,
    createdAt: row.created_at,
    desired: row.desired,
    state: row.state,
    op: row.op ?? undefined,
    job: row.job_id && row.job_kind ? { id: row.job_id, kind: row.job_kind } : undefined,
    isForced: row.is_forced,
    generation: row.generation,
    lastGeneration: row.last_generation,
    home: row.home ?? undefined,
    reboots: row.reboots,
    cause: row.cause ?? undefined,
    restarts: row.restarts,
    notBefore: row.not_before ?? undefined,
    avoidHosts: uuids(row.avoid_hosts),
    destroyedAt: row.destroyed_at ?? undefined,
    requestId: row.request_id,
    version: row.version,
  };
}

/** pg has no parser for `uuid[]` and hands over the text. */
const uuids = <Id extends string>(value: Id[] | string): Id[] =>
  typeof value === "string"
    ? (value.slice(1, -1).split(",").filter(Boolean) as Id[]) // The column's type.
    : value;

/** What a life can change. In the text of a row whatever is undefined is left out, and reads as null. */
function changeableOf(instance: Instance, lookAt: Instant | undefined) {
  const moment = (at: Instant | undefined) => (at === undefined ? undefined : iso(at));
  return {
    id: instance.id,
    is_protected: instance.isProtected,
    desired: instance.desired,
    state: instance.state,
    op: instance.op,
    job_id: instance.job?.id,
    job_kind: instance.job?.kind,
    is_forced: instance.isForced,
    generation: instance.generation,
    last_generation: instance.lastGeneration,
    home: instance.home,
    last_host: instance.lastHost,
    reboots: instance.reboots,
    cause: instance.cause,
    restarts: instance.restarts.map(iso),
    not_before: moment(instance.notBefore),
    avoid_hosts: instance.avoidHosts,
    destroyed_at: moment(instance.destroyedAt),
    request_id: instance.requestId,
    version: instance.version,
    look_at: moment(lookAt),
  };
}

/** What an instance is born with, and is not written again. */
const inbornOf = (instance: Instance) => ({
  project_id: instance.project,
  name: instance.name,
  type: instance.type,
  cpus: instance.cpus,
  memory_mib: instance.memoryMiB,
  image_id: instance.image,
  volume_id: instance.volume,
  zone: instance.zone,
  host_tags: instance.hostTags,
  anti_affinity_group: instance.antiAffinityGroup,
  user_data: instance.userData,
  start_paused: instance.startPaused,
  metadata: instance.metadata,
  metadata_tokens: instance.metadataTokens,
  metadata_hops: instance.metadataHops,
  recovery: instance.recovery,
  priority: instance.priority,
  depends_on: instance.dependsOn,
  created_at: iso(instance.createdAt),
});

/** The text of an object with the parts of both, neither of them empty: to make that object takes longer than its text. */
const joined = (a: object, b: object) =>
  `${JSON.stringify(a).slice(0, -1)},${JSON.stringify(b).slice(1)}`;

/** An instance to write, and when to look at it again. */
export interface Written {
  readonly instance: Instance;
  readonly lookAt: Instant | undefined;
}

export async function insertInstances(sql: Sql, written: readonly Written[]): Promise<void> {
  if (written.length === 0) return;
  await sql.query(
    `insert into instance (${columns}) select ${columns} from json_populate_recordset(null::instance, $1::json)`,
    [
      `[${written.map(({ instance, lookAt }) => joined(changeableOf(instance, lookAt), inbornOf(instance)))}]`,
    ],
  );
}

const changing = [
  "is_protected",
  "desired",
  "state",
  "op",
  "job_id",
  "job_kind",
  "is_forced",
  "generation",
  "last_generation",
  "home",
  "last_host",
  "reboots",
  "cause",
  "restarts",
  "not_before",
  "avoid_hosts",
  "destroyed_at",
  "request_id",
  "version",
  "look_at",
] as const satisfies readonly (keyof ReturnType<typeof changeableOf>)[];
const inborn = [
  "project_id",
  "name",
  "type",
  "cpus",
  "memory_mib",
  "image_id",
  "volume_id",
  "zone",
  "host_tags",
  "anti_affinity_group",
  "user_data",
  "start_paused",
  "metadata",
  "metadata_tokens",
  "metadata_hops",
  "recovery",
  "priority",
  "depends_on",
  "created_at",
] as const satisfies readonly (keyof ReturnType<typeof inbornOf>)[];
/** All but what PostgreSQL derives. */
const columns = ["id", ...changing, ...inborn].join(", ");
const assignments = changing.map((column) => `${column} = new.${column}`).join(", ");

/** The rows must have been locked by whoever read them. */
export async function updateInstances(sql: Sql, written: readonly Written[]): Promise<void> {
  if (written.length === 0) return;
  const rows = written.map(({ instance, lookAt }) => changeableOf(instance, lookAt));
  await sql.query(
    `update instance old set ${assignments}
     from json_populate_recordset(null::instance, $1::json) new where old.id = new.id`,
    [JSON.stringify(rows)],
  );
}

export interface WrittenIncarnation {
  readonly instance: InstanceId;
  readonly epoch: number;
  readonly incarnation: Incarnation;
  readonly at: Instant;
  /** The whole report of the end, for whoever asks why. */
  readonly evidence?: unknown;
}

/** Adds what was asked for and brings up to date what has been reported; a fact is never taken back. */
export async function writeIncarnations(
  sql: Sql,
  written: readonly WrittenIncarnation[],
): Promise<void> {
  if (written.length === 0) return;
  const rows = written.map(({ instance, epoch, incarnation, at, evidence }) => ({
    instance_id: instance,
    generation: incarnation.generation,
    host_id: incarnation.host,
    host_epoch: epoch,
    phase: incarnation.phase,
    guest: incarnation.guest,
    reboots: incarnation.reboots,
    asked_at: iso(at),
    running_at: incarnation.phase === "running" ? iso(at) : undefined,
    up_at: incarnation.guest === "up" ? iso(at) : undefined,
    exited_at: incarnation.phase === "exited" ? iso(at) : undefined,
    ending: incarnation.ending,
    begun: incarnation.begun,
    evidence,
  }));
  await sql.query(
    `insert into incarnation as old
     select * from json_populate_recordset(null::incarnation, $1::json)
     on conflict (instance_id, generation) do update set
       phase = excluded.phase, guest = excluded.guest, reboots = excluded.reboots,
       running_at = coalesce(old.running_at, excluded.running_at),
       up_at = coalesce(old.up_at, excluded.up_at),
       exited_at = coalesce(old.exited_at, excluded.exited_at),
       begun = coalesce(old.begun, excluded.begun),
       ending = coalesce(old.ending, excluded.ending),
       evidence = coalesce(old.evidence, excluded.evidence)
     where old.phase <> 'exited'`,
    [JSON.stringify(rows)],
  );
}
