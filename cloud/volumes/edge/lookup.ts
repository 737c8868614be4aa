/**
 * What a request names, found and held until the end of the transaction.
 *
 * An instance is locked before its volumes, here as everywhere: whose volume it is is therefore found out first
 * without a lock, and looked at again once both are held.
 */

import { sharesWith } from "@holdfast/cloud/access/edge";
import type {
  BackupId,
  HostId,
  ImageId,
  InstanceId,
  ProjectId,
  SnapshotId,
  VolumeId,
  VolumeKeyId,
} from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { VolumeState } from "../core/lifecycle.ts";
import { ownVolume, type VolumeKind } from "../core/model.ts";
import { meanings, type TaskKind } from "../core/tasks.ts";

export interface OpenTask {
  readonly do: TaskKind;
  readonly by: string;
  readonly since: Instant;
  readonly until: Instant;
}

export interface HeldVolume {
  readonly id: VolumeId;
  /** As people call it. */
  readonly name: string;
  readonly kind: VolumeKind;
  readonly state: VolumeState;
  readonly bytes: number;
  readonly pool: string;
  readonly host: HostId | null;
  readonly image: ImageId | null;
  readonly isOwnName: boolean;
  /** Null: it is not encrypted. */
  readonly key: VolumeKeyId | null;
  /** Of a snapshot or a backup, and not made so far: nothing but that can be put into it. */
  readonly isUnmadeCopy: boolean;
  readonly leaving: number | null;
  /** Whose disk it is. */
  readonly instance: HeldInstance | undefined;
  readonly tasks: readonly OpenTask[];
}

export interface HeldInstance {
  readonly id: InstanceId;
  readonly name: string;
  readonly state: string;
  readonly home: HostId | null;
  readonly version: number;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** By id, by its name, as INSTANCE.root, or as INSTANCE if no volume is called so. Rejects with `volume_not_found`. */
export async function findVolume(sql: Sql, project: ProjectId, asked: string): Promise<VolumeId> {
  const own = ownVolume(asked) ?? { instance: asked, kind: "root" as const };
  const [row] = await sql.query<{ id: VolumeId }>(
    uuid.test(asked)
      ? `select id from volume where id = $2 and project_id = $1 and state <> 'expunged' and successor_id is null`
      : `select v.id from (
           select id, 0 as rank from volume where project_id = $1 and name = $2 and state <> 'expunged'
           union all select i.volume_id, 1 from instance i where i.project_id = $1 and i.name = $3 and $4 = 'root' and not i.is_expunged
           union all select a.volume_id, 2 from instance i join attachment a on a.instance_id = i.id
             join volume e on e.id = a.volume_id and e.kind = $4
             where i.project_id = $1 and i.name = $3 and $4 <> 'root' and not i.is_expunged
         ) f join volume v on v.id = f.id and v.state <> 'expunged' order by f.rank limit 1`,
    uuid.test(asked) ? [project, asked] : [project, asked, own.instance, own.kind],
  );
  if (row) return row.id;
  throw volumeNotFound(asked);
}

const ownerOf = `select i.id from instance i where i.volume_id = $1
  union select a.instance_id from attachment a where a.volume_id = $1`;

/** Rejects with `volume_not_found`. */
export async function holdVolume(sql: Sql, project: ProjectId, asked: string): Promise<HeldVolume> {
  return holdVolumeById(sql, await findVolume(sql, project, asked), asked);
}

export async function holdVolumeById(sql: Sql, id: VolumeId, asked: string): Promise<HeldVolume> {
  for (let tries = 1; ; tries++) {
    const [owner] = await sql.query<{ id: InstanceId }>(ownerOf, [id]);
    const instance = owner && (await holdInstanceById(sql, owner.id));
    // Locked first and read then: who waits for a lock sees the row as it is and what is joined to it as it was.
    const locked = sql.query("select from volume where id = $1 for update", [id]);
    const read = sql.query<Omit<HeldVolume, "instance" | "tasks"> & { owner: InstanceId | null }>(
      `select v.id, coalesce(v.name, (select name from instance where id = o.id) || '.' || v.kind, v.id::text) as name,
         v.kind, v.state, v.size_bytes as bytes, v.pool, v.host_id as host, v.image_id as image, v.key_id as key,
         v.name is not null as "isOwnName",
         coalesce(v.from_snapshot, v.from_backup) is not null and v.actual_bytes is null as "isUnmadeCopy", (select leaving from attachment where volume_id = v.id) as leaving, o.id as owner
       from volume v left join (${ownerOf}) o on true where v.id = $1 and v.state <> 'expunged'`,
      [id],
    );
    const [, [row]] = await Promise.all([locked, read]);
    if (!row) throw volumeNotFound(asked);
    const { owner: present, ...volume } = row;
    if ((present ?? undefined) !== owner?.id) {
      if (tries === 3) throw new Error(`the volume ${id} changes hands all the time`);
      continue;
    }
    const tasks = await sql.query<OpenTask>(
      `select "do", actor as by, created_at as since, deadline as until from storage_task where volume_id = $1 order by seq`,
      [id],
    );
    return { ...volume, instance, tasks };
  }
}

async function holdInstanceById(sql: Sql, id: InstanceId): Promise<HeldInstance> {
  const [row] = await sql.query<HeldInstance>(
    "select id, name, state, home, version from instance where id = $1 for update",
    [id],
  );
  if (!row) throw new Error(`the instance ${id} of a volume is gone`);
  return row;
}

/** Rejects with `instance_not_found`. */
export async function holdInstance(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<HeldInstance> {
  const [row] = await sql.query<HeldInstance>(
    `select id, name, state, home, version from instance
     where project_id = $1 and not is_expunged and (name = $2 or id = as_uuid($2)) for update`,
    [project, nameOrId],
  );
  if (row) return row;
  throw problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
    fix: "See them: holdfast list",
  });
}

export interface HeldSnapshot {
  readonly id: SnapshotId;
  readonly name: string;
  readonly volume: VolumeId;
  readonly liesIn: VolumeId;
  readonly state: "making" | "ready" | "failed" | "deleting";
  readonly bytes: number;
}

/** For queries: the snapshots `n` that this project may use. One that is shared may be used while it is whole. */
export const mayUse = (project: string) =>
  `(n.project_id = ${project} or n.state = 'ready' and n.id = any(${sharesWith("snapshot", project)}))`;

/** The snapshot `n` that is meant: one that is shared by its id alone, since its name was chosen by somebody else. */
export const meantBy = (project: string, nameOrId: string) =>
  `${mayUse(project)} and (n.id = as_uuid(${nameOrId}) or n.name = ${nameOrId} and n.project_id = ${project})`;

export interface Held {
  readonly snapshot: HeldSnapshot;
  readonly volume: HeldVolume;
}

/** With its volume. Rejects with `snapshot_not_found`, and `snapshot_shared` if it is another project's. */
export async function holdSnapshot(sql: Sql, project: ProjectId, nameOrId: string): Promise<Held> {
  const { owner, ...held } = await holdSource(sql, project, nameOrId);
  if (owner === undefined) return held;
  const { name } = held.snapshot;
  throw problem(
    "forbidden",
    "snapshot_shared",
    `${name} belongs to ${owner}, and is only shared.`,
    {
      fix: "Copy it: holdfast snapshots copy SNAPSHOT NAME. The copy is yours.",
    },
  );
}

/** The same of one that something is to be made of. `owner`: the project that shares it. */
export async function holdSource(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<Held & { readonly owner: string | undefined }> {
  const which = `from snapshot n where ${meantBy("$1", "$2")} order by n.project_id = $1 desc limit 1`;
  const asked = [project, nameOrId];
  const [found] = await sql.query<{ volume: VolumeId }>(
    `select volume_id as volume ${which}`,
    asked,
  );
  if (!found) throw snapshotNotFound(nameOrId);
  const volume = await holdVolumeById(sql, found.volume, nameOrId);
  const [row] = await sql.query<HeldSnapshot & { readonly owner: string | null }>(
    `select id, name, volume_id as volume, lies_in as "liesIn", state, bytes,
       case when project_id <> $1 then (select name from project where id = n.project_id) end as owner ${which} for update of n`,
    asked,
  );
  if (!row) throw snapshotNotFound(nameOrId);
  const { owner, ...snapshot } = row;
  return { snapshot, volume, owner: owner ?? undefined };
}

export interface HeldBackup {
  readonly id: BackupId;
  readonly volume: VolumeId;
  readonly volumeName: string;
  readonly kind: VolumeKind;
  readonly liesIn: VolumeId;
  readonly state: "making" | "ready" | "failed" | "deleting";
  readonly bytes: number;
  readonly isVolumeThere: boolean;
  /** Null: it is not encrypted. */
  readonly key: VolumeKeyId | null;
}

/** Rejects with `backup_not_found`. */
export async function holdBackup(sql: Sql, project: ProjectId, id: string): Promise<HeldBackup> {
  const [row] = await sql.query<HeldBackup>(
    `select b.id, b.volume_id as volume, b.volume_name as "volumeName", b.kind, b.lies_in as "liesIn", b.state, b.bytes,
       v.state <> 'expunged' as "isVolumeThere", l.key_id as key
     from backup b join volume v on v.id = b.volume_id join volume l on l.id = b.lies_in where b.project_id = $1 and b.id = $2 for update of b`,
    [project, id],
  );
  if (row) return row;
  throw problem("not_found", "backup_not_found", `There is no backup ${id}.`, {
    fix: "See them: holdfast backups",
  });
}

/** What is under way with it, of what the conflict matrix knows. */
export const activitiesOf = ({ tasks }: HeldVolume) =>
  tasks.flatMap((task) => {
    const { activity } = meanings[task.do];
    return activity ? [{ ...task, activity }] : [];
  });

export const volumeNotFound = (name: string) =>
  problem("not_found", "volume_not_found", `There is no volume ${name}.`, {
    fix: "See them: holdfast volumes",
  });

const snapshotNotFound = (name: string) =>
  problem("not_found", "snapshot_not_found", `There is no snapshot ${name}.`, {
    fix: "See them: holdfast snapshots",
  });
