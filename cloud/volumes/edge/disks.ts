/**
 * The disks of instances, as pieces of the queries of whoever decides about instances.
 *
 * A data volume is in no wish before it is made: a host that finds none would refuse to start the guest. And it
 * is in none while it is being detached.
 */
import { meanings, taskKinds } from "../core/tasks.ts";

/** Root first, then the others as the guest has them. */
const all = (instance: string, volume: string) =>
  `select r.*, 0 as slot, null::int as leaving from volume r where r.id = ${volume}
   union all select d.*, a.slot, a.leaving from attachment a join volume d on d.id = a.volume_id
     where a.instance_id = ${instance}`;

/** What its host should give it: a list of `WishedDisk`. Limits of the root volume come with the type. */
export const wishedDisksOf = (instance: string) =>
  `(select json_agg(json_build_object('volume', d.id, 'pool', d.pool, 'bytes', d.size_bytes, 'kind', d.kind,
       'origin', case d.kind when 'root' then 'image' else 'blank' end,
       'limits', nullif(jsonb_strip_nulls(jsonb_build_object(
         'iops', coalesce(d.iops, case d.kind when 'root' then t.disk_iops end),
         'bytesPerSecond', coalesce(d.bytes_per_second, case d.kind when 'root' then t.disk_bytes_per_second end))),
         '{}')) order by d.slot)
     from (${all(`${instance}.id`, `${instance}.volume_id`)}) d left join instance_type t on t.name = ${instance}.type
     where d.leaving is null and (d.kind <> 'data' or d.state = 'ready'))`;

const active = taskKinds.filter((kind) => meanings[kind].activity);
const activities = `(values ${active
  .map((kind) => `('${kind}', '${meanings[kind].activity}')`)
  .join(", ")})`;

/** What it needs of a host: a list of `Disk`. */
export const stationOf = (instance: string) =>
  `(select json_agg(json_build_object('volume', d.id, 'pool', d.pool, 'kind', d.kind, 'state', d.state,
       'host', d.host_id, 'workedOnBy', case when ${instance}.home is null then (select w.host_id
         from storage_task w join ${activities} m (kind, activity) on m.kind = w."do"
         where w.volume_id = d.id and w.host_id is not null limit 1) end) order by d.slot)
     from (${all(`${instance}.id`, `${instance}.volume_id`)}) d)`;

/** What is under way with its volumes: a list of `UnderWay`. */
export const underWayOf = (instance: string) =>
  `coalesce((select json_agg(json_build_object('activity', m.activity,
       'volume', coalesce(v.name, ${instance}.name || '.' || v.kind), 'by', w.actor,
       'since', (extract(epoch from w.created_at) * 1000)::bigint,
       'until', (extract(epoch from w.deadline) * 1000)::bigint) order by w.seq)
     from storage_task w join ${activities} m (kind, activity) on m.kind = w."do" join volume v on v.id = w.volume_id
     where w.volume_id = ${instance}.volume_id
       or w.volume_id in (select volume_id from attachment where instance_id = ${instance}.id)), '[]')`;

/** The same as people see it. */
export const diskViewsOf = (instance: string) =>
  `(select json_agg(json_build_object('volume', d.id, 'name', coalesce(d.name, ${instance}.name || '.' || d.kind),
       'kind', d.kind, 'sizeBytes', d.size_bytes, 'pool', d.pool) order by d.slot)
     from (${all(`${instance}.id`, `${instance}.volume_id`)}) d)`;
