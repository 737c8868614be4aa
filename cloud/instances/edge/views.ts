/** Instances as the API shows them: one query for a page, with the names of what they refer to. */
import { nicViewsOf } from "@holdfast/cloud/networks/edge";
import { diskViewsOf } from "@holdfast/cloud/volumes/edge";
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import type { InstanceView } from "../api.ts";
import { homed } from "../core/lifecycle.ts";

type ViewRow = Omit<InstanceView, "guest"> & { readonly guest: InstanceView["guest"] };

const columns = `i.id, p.name as project, i.name, i.type, i.cpus, i.memory_mib as "memoryMiB", m.name as image,
  i.volume_id as volume, i.desired, i.state, i.op, i.job_id as job, i.generation, h.name as host, c.guest,
  c.up_at as "upAt", i.cause, i.is_protected as "isProtected", v.pool,
  i.recovery, i.priority, case when i.depends_on = '{}' then '{}'::text[] else
    array(select d.name from instance d where d.id = any(i.depends_on) order by d.name) end as "dependsOn", i.zone, i.host_tags as "hostTags",
  i.anti_affinity_group as "antiAffinityGroup", cardinality(i.restarts) as restarts, i.look_at as "nextLook",
  i.created_at as "createdAt", i.destroyed_at as "destroyedAt", ${nicViewsOf("i.id")} as nics, ${diskViewsOf("i")} as disks`;
const sources = `instance i
  join project p on p.id = i.project_id
  join image m on m.id = i.image_id
  join volume v on v.id = i.volume_id
  left join host h on h.id = i.home
  left join incarnation c on c.instance_id = i.id and c.generation = i.generation`;

/** What a guest did is shown only while there is one. */
const shown = (row: ViewRow): InstanceView =>
  homed.has(row.state) ? row : { ...row, guest: null, upAt: null };

export async function viewInstances(
  sql: Sql,
  ids: readonly InstanceId[],
): Promise<readonly InstanceView[]> {
  const rows = await sql.query<ViewRow>(
    `select ${columns} from ${sources} where i.id = any($1) order by i.id`,
    [ids],
  );
  return rows.map(shown);
}

export interface Page {
  readonly state?: InstanceView["state"] | undefined;
  readonly host?: string | undefined;
  readonly name?: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}

export async function pageOfInstances(
  sql: Sql,
  project: ProjectId,
  { state, host, name, limit, after }: Page,
): Promise<{ instances: InstanceView[]; next: string | null }> {
  const rows = await sql.query<ViewRow>(
    `select ${columns} from ${sources}
     where i.project_id = $1 and ($2::uuid is null or i.id > $2)
       and case when $3::text is null then i.state <> 'expunged' else i.state = $3 end
       and ($4::text is null or h.name = $4) and ($5::text is null or i.name = $5)
     order by i.id limit $6`,
    [project, after ?? null, state ?? null, host ?? null, name ?? null, limit + 1],
  );
  const instances = rows.slice(0, limit).map(shown);
  return { instances, next: rows.length > limit ? (instances.at(-1)?.id ?? null) : null };
}

/** By id, or by the name of one that is not expunged. Rejects with `instance_not_found`. */
export async function findInstance(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<InstanceView> {
  const [row] = await sql.query<ViewRow>(
    `select ${columns} from ${sources}
     where i.project_id = $1 and ((i.name = $2 and i.state <> 'expunged') or i.id::text = $2)`,
    [project, nameOrId],
  );
  if (row) return shown(row);
  throw instanceNotFound(nameOrId);
}

export const instanceNotFound = (nameOrId: string) =>
  problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
    fix: "See them: holdfast list",
  });
