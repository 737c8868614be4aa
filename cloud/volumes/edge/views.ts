/** Volumes, snapshots and backups as the API shows them: one query each, with the names of what they refer to. */
import { sharedWith } from "@holdfast/cloud/access/edge";
import { taggedAs, tagsOf } from "@holdfast/cloud/tags/edge";
import type { ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byId, readPage } from "@holdfast/store/pages";
import type { BackupView, ScheduleView, SnapshotView, VolumeView } from "../api.ts";
import { meanings } from "../core/tasks.ts";
import { findVolume, mayUse, meantBy } from "./lookup.ts";
import { madeBy } from "./tasks.ts";

/** What people call it, where `v` is the volume and `i` the instance that has it. */
const nameOf = "coalesce(v.name, i.name || '.' || v.kind, v.id::text)";
const owner = `left join attachment a on a.volume_id = v.id
  left join instance i on i.id = coalesce(a.instance_id, (select r.id from instance r where r.volume_id = v.id))`;
const moment = (column: string) => `(extract(epoch from ${column}) * 1000)::bigint`;

const forever = Object.entries(meanings)
  .filter(([, { isForever }]) => isForever)
  .map(([kind]) => `'${kind}'`)
  .join(", ");

const schedule = `jsonb_build_object('everyMinutes', s.every_minutes, 'nextAt', ${moment("s.next_at")},
  'keep', jsonb_build_object('hourly', s.keep_hourly, 'daily', s.keep_daily, 'weekly', s.keep_weekly),
  'lastAt', (select max(${moment("b.made_at")}) from backup b where b.volume_id = s.volume_id and b.state in ('ready', 'deleting')))`;

type VolumeRow = Omit<VolumeView, "limits" | "checked"> & {
  readonly iops: number | null;
  readonly bytesPerSecond: number | null;
  readonly checked: { is: NonNullable<VolumeView["checked"]>["is"]; why: string | null } | null;
  readonly checkedAt: number | null;
};

const volumes = (
  from = "volume v",
) => `select v.id, ${nameOf} as name, p.name as project, v.kind, v.state, v.size_bytes as "sizeBytes",
    v.actual_bytes as "actualBytes", v.pool, h.name as host, v.iops, v.bytes_per_second as "bytesPerSecond",
    i.name as instance, case when i.id is not null then coalesce(a.slot, 0) end as slot,
    case when v.kind = 'data' then coalesce(a.delete_with_instance, false) else true end as "deleteWithInstance",
    coalesce(v.goes_with_snapshots, false) as "deleteWithSnapshots",
    case when i.id is null then null
      when i.home is null then 'stopped'
      when a.leaving is not null and a."is" is distinct from 'detach-refused' then 'detaching'
      when v.kind = 'root' then 'attached'
      else coalesce(a."is", 'waiting') end as attachment,
    coalesce(a.problem, v.problem) as problem,
    coalesce((select json_agg(json_build_object('do', t."do", 'since', ${moment("t.created_at")},
        'deadline', case when t."do" not in (${forever}) then ${moment("t.deadline")} end,
        'by', t.actor, 'host', th.name, 'attempts', t.attempts, 'problem', t.problem) order by t.seq)
      from (select * from storage_task where volume_id = v.id
        union all select * from storage_task t where v.state = 'creating' and t.snapshot_id = v.from_snapshot
          and t.volume_id <> v.id and ${madeBy("t")} = v.id) t
        left join host th on th.id = t.host_id), '[]') as doing,
    (select count(*)::int from snapshot n where n.volume_id = v.id) as snapshots,
    (select count(*)::int from backup b where b.volume_id = v.id) as backups,
    case when s.volume_id is not null then ${schedule} end as schedule,
    v.from_snapshot as "fromSnapshot", v.from_backup as "fromBackup",
    v.key_id is not null as encrypted, v.checked, v.checked_at as "checkedAt", v.created_at as "createdAt",
    ${tagsOf("v.id")} as tags
  from ${from} join project p on p.id = v.project_id ${owner}
    left join host h on h.id = v.host_id left join backup_schedule s on s.volume_id = v.id`;
/** Oldest first. Rejects with `cursor_not_valid`. */
export async function pageOfVolumes(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly tag?: string | undefined },
): Promise<{ volumes: VolumeView[]; next: string | null }> {
  const { items, next } = await readPage<VolumeRow>(
    sql,
    {
      name: `volumes ${project}`,
      from: "volume v",
      where: [
        ["v.project_id = ?", project],
        ["v.state <> 'expunged'"],
        ["v.successor_id is null"],
        taggedAs("v", page.tag),
      ],
      show: volumes,
    },
    page,
  );
  return { volumes: items.map(viewOf), next };
}

/** Rejects with `volume_not_found`. */
export async function findVolumeView(
  sql: Sql,
  project: ProjectId,
  asked: string,
): Promise<VolumeView> {
  return volumeView(sql, await findVolume(sql, project, asked));
}

/** Of one that is there, also if it has just been expunged. */
export async function volumeView(sql: Sql, id: VolumeId): Promise<VolumeView> {
  const [row] = await sql.query<VolumeRow>(`${volumes()} where v.id = $1`, [id]);
  if (!row) throw new Error(`the volume ${id} that was found is gone`);
  return viewOf(row);
}

const viewOf = ({ iops, bytesPerSecond, checked, checkedAt, ...row }: VolumeRow): VolumeView => ({
  ...row,
  limits: { iops, bytesPerSecond },
  checked:
    checked && checkedAt !== null
      ? { is: checked.is, why: checked.why ?? null, at: checkedAt }
      : null,
});

const snapshots = (
  from = "snapshot n",
) => `select n.id, n.name, p.name as project, ${nameOf} as volume, n.volume_id as "volumeId", n.state,
    n.bytes as "sizeBytes", l.key_id is not null as encrypted, n.guest, n.problem, n.created_at as "createdAt", n.made_at as "madeAt",
    ${tagsOf("n.id")} as tags, ${sharedWith("snapshot", "n.id")} as "sharedWith", n.project_id as "projectId"
  from ${from} join project p on p.id = n.project_id join volume v on v.id = n.volume_id
    join volume l on l.id = n.lies_in ${owner}`;

type SnapshotRow = SnapshotView & { readonly projectId: ProjectId };

/** What its owner says of a snapshot, and what it is of, is for its owner. */
function seenBy(project: ProjectId, { projectId, ...view }: SnapshotRow): SnapshotView {
  if (projectId === project) return view;
  return { ...view, volume: null, volumeId: null, problem: null, tags: {}, sharedWith: [] };
}

/** Oldest first; of one volume or with a tag, which are the project's own, or all. Rejects with `cursor_not_valid`. */
export async function pageOfSnapshots(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly volume?: string | undefined; readonly tag?: string | undefined },
): Promise<{ snapshots: SnapshotView[]; next: string | null }> {
  const of = await volumeIn(sql, project, page.volume);
  const { items, next } = await readPage<SnapshotRow>(
    sql,
    {
      name: `snapshots ${project} ${of ?? "of all"}`,
      from: "snapshot n",
      where: [
        [of === undefined && page.tag === undefined ? mayUse("?") : "n.project_id = ?", project],
        ["n.volume_id = ?", of],
        taggedAs("n", page.tag),
      ],
      show: snapshots,
    },
    page,
  );
  return { snapshots: items.map((row) => seenBy(project, row)), next };
}

/** Rejects with `snapshot_not_found`. */
export async function findSnapshotView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<SnapshotView> {
  const [row] = await sql.query<SnapshotRow>(
    `${snapshots()} where ${meantBy("$1", "$2")} order by n.project_id = $1 desc limit 1`,
    [project, nameOrId],
  );
  if (row) return seenBy(project, row);
  throw problem("not_found", "snapshot_not_found", `There is no snapshot ${nameOrId}.`, {
    fix: "See them: holdfast snapshots",
  });
}

const backups = (
  from = "backup b",
) => `select b.id, p.name as project, b.volume_name as volume, b.volume_id as "volumeId", b.state,
    b.bytes as "sizeBytes", l.key_id is not null as encrypted, b.used_bytes as "usedBytes", b.since, b.due_at is not null as "isScheduled", b.problem,
    b.created_at as "createdAt", b.made_at as "madeAt"
  from ${from} join project p on p.id = b.project_id join volume l on l.id = b.lies_in`;

/** Oldest first; of one volume, or of all, also of those that are gone. Rejects with `cursor_not_valid`. */
export async function pageOfBackups(
  sql: Sql,
  project: ProjectId,
  page: AskedPage & { readonly volume?: string | undefined },
): Promise<{ backups: BackupView[]; next: string | null }> {
  const of = await volumeIn(sql, project, page.volume);
  const { items, next } = await readPage<BackupView>(
    sql,
    {
      name: `backups ${project} ${of ?? "of all"}`,
      from: "backup b",
      where: [
        ["b.project_id = ?", project],
        ["b.volume_id = ?", of],
      ],
      show: backups,
    },
    page,
  );
  return { backups: items, next };
}

const volumeIn = async (sql: Sql, project: ProjectId, asked: string | undefined) =>
  asked === undefined ? undefined : findVolume(sql, project, asked);

/** Rejects with `backup_not_found`. */
export async function findBackupView(
  sql: Sql,
  project: ProjectId,
  id: string,
): Promise<BackupView> {
  const [row] = await sql.query<BackupView>(`${backups()} where b.project_id = $1 and b.id = $2`, [
    project,
    id,
  ]);
  if (row) return row;
  throw problem("not_found", "backup_not_found", `There is no backup ${id}.`, {
    fix: "See them: holdfast backups",
  });
}

const scheduleViews = (from = "backup_schedule s join volume v on v.id = s.volume_id") =>
  `select ${schedule} || jsonb_build_object('volume', ${nameOf}, 'volumeId', v.id) as view from ${from} ${owner}`;

/** The oldest volume first. Rejects with `cursor_not_valid`. */
export async function pageOfSchedules(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ schedules: ScheduleView[]; next: string | null }> {
  const { items, next } = await readPage<{ view: ScheduleView }>(
    sql,
    {
      name: `schedules ${project}`,
      from: "volume v",
      where: [
        ["v.project_id = ?", project],
        ["v.state <> 'expunged'"],
        ["v.id in (select volume_id from backup_schedule)"],
      ],
      by: { ...byId("v"), keyOf: ({ view }) => [view.volumeId] },
      show: (found) => scheduleViews(`${found} join backup_schedule s on s.volume_id = v.id`),
    },
    page,
  );
  return { schedules: items.map(({ view }) => view), next };
}

/** Undefined: it has none. */
export async function findScheduleView(
  sql: Sql,
  volume: VolumeId,
): Promise<ScheduleView | undefined> {
  const [row] = await sql.query<{ view: ScheduleView }>(`${scheduleViews()} where v.id = $1`, [
    volume,
  ]);
  return row?.view;
}
