/** Volumes with all that EC2 shows of them, a page in one statement. What goes with an instance is gone when that has ended. */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { notFound } from "../core/errors.ts";
import type { WantedTag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import type { VolumeRow } from "../core/volume.ts";
import { digits } from "./instance-rows.ts";
import { noteOf } from "./notes.ts";
import { hasTag, tagsOf } from "./tags.ts";

const ended = "('destroyed', 'expunging', 'expunged')";
const goes = "(v.kind <> 'data' or coalesce(a.delete_with_instance, false))";
const select = `select v.id, v.kind, v.state, v.pool, v.size_bytes as bytes, v.iops, v.bytes_per_second as "bytesPerSecond",
    v.created_at as "createdAt", (select p.zone from host h join cluster u on u.name = h.cluster join pod p on p.name = u.pod where h.id = v.host_id) as zone,
    (select count(*)::int from snapshot n where n.volume_id = v.id) as snapshots,
    v.key_id is not null as encrypted, v.from_snapshot as "fromSnapshot", i.id as instance,
    coalesce(i.state in ${ended} and not ${goes}, false) as "isLeftOver",
    case when i.id is not null then coalesce(a.slot, 0) end as slot, coalesce(a.attached_at, i.created_at) as "attachedAt",
    a.leaving is not null as "isLeaving", case when i.home is not null then coalesce(a."is", 'waiting') end as attachment,
    ${goes} as "isGone", coalesce(v.checked ->> 'is', 'sound') in ('missing', 'damaged') as "isImpaired",
    exists (select from storage_task t where t.volume_id = v.id and t."do" = 'resize') as "isChanging",
    ${tagsOf("v.id")} as tags, ${noteOf("v.id")} as note
  from volume v left join attachment a on a.volume_id = v.id
    left join instance i on i.id = coalesce(a.instance_id, (select r.id from instance r where r.volume_id = v.id))
  where v.project_id = $1 and v.state <> 'expunged' and v.successor_id is null and not coalesce(i.state in ${ended} and ${goes}, false)`;

const least = "00000000-0000-0000-0000-000000000000";
const page = (count: number) =>
  `${select} and v.id > $2 and ${hasTag("v.id", "$3", "$4")} order by v.id limit ${count}`;
const some = `${select} and ${digits("v.id")} = any($2) order by v.id`;

export function readVolumes(
  sql: Sql,
  project: ProjectId,
  from: string | undefined,
  count: number,
  tag?: WantedTag,
): Promise<readonly VolumeRow[]> {
  const { key, values } = tag ?? {};
  return sql.query<VolumeRow>(page(count), [
    ...[project, from ?? least],
    ...[key ?? null, values ?? null],
  ]);
}

/** Rejects with `InvalidVolume.NotFound`, naming those that are not there. */
export async function findVolumes(
  sql: Sql,
  project: ProjectId,
  ids: readonly string[],
): Promise<readonly VolumeRow[]> {
  const rows = await sql.query<VolumeRow>(some, [project, ids.map((id) => readId("volume", id))]);
  const found = new Set(rows.map(({ id }) => idOf("volume", id)));
  const lacking = [...new Set(ids)].filter((id) => !found.has(id));
  if (lacking.length > 0) throw notFound("InvalidVolume.NotFound", "volume", lacking);
  return rows;
}

export async function findVolumeRow(sql: Sql, project: ProjectId, id: string): Promise<VolumeRow> {
  const [row] = await findVolumes(sql, project, [id]);
  if (!row) throw notFound("InvalidVolume.NotFound", "volume", [id]);
  return row;
}
