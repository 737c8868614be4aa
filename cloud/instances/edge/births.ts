/** New instances, before they have rows: what was asked for, as the first world of each. */

import type { MaintenancePolicy } from "@holdfast/cloud/events";
import type { WishedDisk } from "@holdfast/cloud/hosts";
import type { NewJob } from "@holdfast/cloud/jobs/edge";
import type { Connection } from "@holdfast/cloud/networks/edge";
import type { Amounts } from "@holdfast/cloud/quotas";
import { insertTags } from "@holdfast/cloud/tags/edge";
import { type Disk, type VolumeState, volumeLifecycle } from "@holdfast/cloud/volumes";
import { insertKeys, type NewDisk, type NewKey, sealedText } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { after, type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Instance, Patience, World } from "../core/model.ts";

/** What an instance is born with; everything else follows from its life. */
export type Seed = Pick<
  Instance,
  | "id"
  | "project"
  | "name"
  | "type"
  | "cpus"
  | "memoryMiB"
  | "image"
  | "volume"
  | "zone"
  | "hostTags"
  | "antiAffinityGroup"
  | "userData"
  | "startPaused"
  | "isProtected"
  | "metadata"
  | "metadataTokens"
  | "metadataHops"
  | "recovery"
  | "priority"
  | "dependsOn"
  | "requestId"
>;

/** What is known of it from the first moment and is no part of its life. */
export interface Dowry {
  readonly keys: readonly { readonly name: string; readonly publicKey: string }[];
  readonly maintenancePolicy: MaintenancePolicy | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Birth {
  readonly instance: InstanceId;
  readonly seed: Seed;
  readonly volumeBytes: number;
  readonly pool: string;
  /** Of its root volume, if that is encrypted: one that is to be written, or that of its image. */
  readonly key: NewKey | undefined;
  /** Besides the root volume. */
  readonly more: readonly NewDisk[];
  /** What its host should give it at first, and what that needs of the host. */
  readonly disks: readonly WishedDisk[];
  readonly station: readonly Disk[];
  readonly connections: readonly Connection[];
  readonly dowry: Dowry;
  readonly image: World["image"];
  readonly job: NewJob;
  world(patience: Patience, now: Instant): World;
}

export function birthOf(
  seed: Seed,
  {
    volumeBytes,
    pool,
    limits,
    key,
    more,
    connections,
    dowry,
    image,
  }: Pick<Birth, "volumeBytes" | "pool" | "key" | "more" | "connections" | "dowry" | "image"> & {
    readonly limits: WishedDisk["limits"];
  },
  job: NewJob,
): Birth {
  const root = { volume: seed.volume, pool, kind: "root" } as const;
  return {
    instance: seed.id,
    seed,
    volumeBytes,
    pool,
    key,
    more,
    disks: [
      {
        ...{ ...root, bytes: volumeBytes, origin: "image", limits },
        ...(key ? { key: sealedText(key) } : {}),
      },
      ...more.filter(({ isThere }) => isThere).map(({ wished }) => wished),
    ],
    station: [
      { ...root, state: unmade, host: null, workedOnBy: null },
      ...more.map(({ disk }) => disk),
    ],
    connections,
    dowry,
    image,
    job,
    world: (patience, now) => ({
      instance: newborn(seed, job, patience, now),
      incarnation: undefined,
      lease: "none",
      fence: undefined,
      migration: undefined,
      waitsFor: [],
      image,
      volume: "unplaced",
      underWay: [],
      patience,
      now,
    }),
  };
}

/** Each by its name: an object that grows out of another by this many is a slow one for the rest of its life. */
function newborn(seed: Seed, job: NewJob, patience: Patience, now: Instant): Instance {
  return {
    id: seed.id,
    project: seed.project,
    name: seed.name,
    type: seed.type,
    cpus: seed.cpus,
    memoryMiB: seed.memoryMiB,
    image: seed.image,
    volume: seed.volume,
    zone: seed.zone,
    hostTags: seed.hostTags,
    antiAffinityGroup: seed.antiAffinityGroup,
    userData: seed.userData,
    startPaused: seed.startPaused,
    isProtected: seed.isProtected,
    metadata: seed.metadata,
    metadataTokens: seed.metadataTokens,
    metadataHops: seed.metadataHops,
    recovery: seed.recovery,
    priority: seed.priority,
    dependsOn: seed.dependsOn,
    requestId: seed.requestId,
    createdAt: now,
    desired: "running",
    state: "provisioning",
    op: {
      kind: "provision",
      step: "waiting for the image",
      since: now,
      deadline: after(now, patience.provisioning),
      attempt: 0,
    },
    job: { id: job.id, kind: "run" },
    isForced: false,
    generation: 0,
    lastGeneration: 0,
    home: undefined,
    lastHost: undefined,
    reboots: 0,
    cause: undefined,
    restarts: [],
    notBefore: undefined,
    avoidHosts: [],
    destroyedAt: undefined,
    version: 0,
  };
}

/** All births of a request are of one project. */
export function projectOf([first]: readonly Birth[]): ProjectId {
  if (!first) throw new Error("a request for no instances has no project");
  return first.seed.project;
}

/** What a request takes of the quota of its project. */
export function sizeOf(births: readonly Birth[]): Amounts {
  const disks = births.flatMap(({ volumeBytes, more }) => [
    volumeBytes,
    ...more.filter(({ isKnown }) => !isKnown).map(({ wished }) => wished.bytes),
  ]);
  const total = (amounts: readonly number[]) => amounts.reduce((sum, one) => sum + one, 0);
  return {
    instances: births.length,
    cpus: total(births.map(({ seed }) => seed.cpus)),
    memoryMiB: total(births.map(({ seed }) => seed.memoryMiB)),
    volumes: disks.length,
    volumeGiB: total(disks) / 2 ** 30,
  };
}

/** Those that are new; volumes refer to them. */
export const insertVolumeKeys = (sql: Sql, births: readonly Birth[], now: Instant) =>
  insertKeys(
    sql,
    births.flatMap(({ key, more }) => [key ?? [], ...more.map((disk) => disk.key ?? [])].flat()),
    now,
  );

/** `homes`: where an instance was placed at once, its volume is made there. */
export async function insertVolumes(
  sql: Sql,
  births: readonly Birth[],
  homes: ReadonlyMap<VolumeId, HostId | undefined>,
  now: Instant,
): Promise<void> {
  if (births.length === 0) return;
  const rows = births.map(({ seed: { volume, project, image }, volumeBytes, pool, key }) => {
    const home = homes.get(volume);
    return {
      id: volume,
      project_id: project,
      image_id: image,
      state: home ? volumeLifecycle.next(unmade, "create") : unmade,
      size_bytes: volumeBytes,
      host_id: home ?? null,
      pool,
      kind: "root",
      key_id: key?.id ?? null,
      created_at: iso(now),
    };
  });
  await sql.query(
    "insert into volume select * from json_populate_recordset(null::volume, $1::json)",
    [JSON.stringify(rows)],
  );
}

export async function insertInstanceKeys(sql: Sql, births: readonly Birth[]): Promise<void> {
  const keys = births.flatMap(({ instance, dowry }) =>
    dowry.keys.map((key, slot) => ({ instance, slot, ...key })),
  );
  if (keys.length === 0) return;
  await sql.query(
    `insert into instance_key (instance_id, slot, name, public_key)
     select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[])`,
    [
      keys.map(({ instance }) => instance),
      keys.map(({ slot }) => slot),
      keys.map(({ name }) => name),
      keys.map(({ publicKey }) => publicKey),
    ],
  );
}

export const insertInstanceTags = (sql: Sql, births: readonly Birth[]) =>
  insertTags(
    sql,
    births.map(({ instance, seed, dowry }) => ({
      ...{ resource: instance, project: seed.project, kind: "instance", tags: dowry.tags },
    })),
  );

export async function insertPolicies(sql: Sql, births: readonly Birth[]): Promise<void> {
  const chosen = births.flatMap(({ instance, dowry: { maintenancePolicy: policy } }) =>
    policy === undefined ? [] : [{ instance, policy }],
  );
  if (chosen.length === 0) return;
  await sql.query(
    `insert into maintenance_policy (instance_id, policy)
     select * from unnest($1::uuid[], $2::text[])`,
    [chosen.map(({ instance }) => instance), chosen.map(({ policy }) => policy)],
  );
}

const unmade = "allocated" satisfies VolumeState;
