/**
 * Instances with all that EC2 shows of them, a page in one statement.
 *
 * The page is found first and dressed then: what is shown besides is worth ten times the finding.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { notFound } from "../core/errors.ts";
import type { WantedTag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import type { InstanceRow } from "../core/instance.ts";
import { noteOf } from "./notes.ts";
import { hasTag, tagsOf } from "./tags.ts";

/** For queries: the digits of EC2's id of this column. There are indexes on exactly this. */
export const digits = (id: string) => `right(replace(${id}::text, '-', ''), 17)`;

/** What has ended is shown for an hour; programs wait until they see that it has. */
const isShown = (i: string) =>
  `(${i}.destroyed_at is null or ${i}.destroyed_at > now() - interval '1 hour')`;

/** What EC2's clients call a group `g`. */
export const shownName = `coalesce(${noteOf("g.id")} ->> 'display', g.name)`;

export const nicsOf = (instance: string) =>
  `coalesce((select json_agg(json_build_object('id', c.id, 'network', c.network_id, 'domain', w.domain,
       'address', host(c.address), 'mac', c.mac, 'publicAddress', host(a.address), 'isKept', coalesce(a.kind = 'static', false),
       'groups', coalesce((select json_agg(json_build_object('id', g.id, 'name', ${shownName}) order by g.name)
         from nic_group m join security_group g on g.id = m.group_id where m.nic_id = c.id), '[]')) order by c.slot)
     from nic c join network w on w.id = c.network_id left join public_address a on a.nic_id = c.id
     where c.instance_id = ${instance}), '[]')`;

const disksOf = (i: string) =>
  `coalesce((select json_agg(d order by d.slot) from (
     select ${i}.volume_id as id, 0 as slot, true as "isGone", ${i}.created_at as "attachedAt", false as "isLeaving", null as device
     union all select t.volume_id, t.slot, t.delete_with_instance or v.kind = 'ephemeral', t.attached_at, t.leaving is not null,
       ${noteOf("t.volume_id")} ->> 'device'
     from attachment t join volume v on v.id = t.volume_id where t.instance_id = ${i}.id) d), '[]')`;

/** Where its host is; where it was asked to be, while it has none. */
export const zoneOf = (i: string) =>
  `coalesce((select p.zone from host h join cluster u on u.name = h.cluster join pod p on p.name = u.pod
     where h.id = coalesce(${i}.home, ${i}.last_host)), ${i}.zone)`;

const columns = `i.id, i.name, i.type, i.cpus, i.image_id as image, i.state, i.desired, i.cause, i.is_protected as "isProtected",
  coalesce(i.metadata, 'on') as metadata, coalesce(i.metadata_tokens, 'optional') as "metadataTokens",
  coalesce(i.metadata_hops, 1) as "metadataHops",
  i.created_at as "createdAt", c.asked_at as "launchedAt", i.destroyed_at as "endedAt", ${zoneOf("i")} as zone,
  (select k.name from instance_key k where k.instance_id = i.id and k.slot = 0) as key,
  ${nicsOf("i.id")} as nics, ${disksOf("i")} as disks, ${tagsOf("i.id")} as tags, ${noteOf("i.id")} as note`;
const dressed = (found: string) =>
  `select ${columns} from (${found}) i
     left join incarnation c on c.instance_id = i.id and c.generation = i.generation order by i.id`;

const page = (count: number) =>
  dressed(
    `(select * from instance i where project_id = $1 and state <> 'expunged' and id > $2 and ${isShown("i")}
      and ${hasTag("i.id", "$3", "$4")} order by id limit ${count})
   union all (select * from instance i where project_id = $1 and state = 'expunged' and id > $2 and ${hasTag("i.id", "$3", "$4")}
     and destroyed_at > now() - interval '1 hour' order by id limit ${count}) order by id limit ${count}`,
  );
const some = dressed(
  `select * from instance i where project_id = $1 and ${digits("id")} = any($2) and ${isShown("i")}`,
);
const byUuid = dressed("select * from instance i where project_id = $1 and id = any($2)");

const least = "00000000-0000-0000-0000-000000000000";

export function readInstances(
  sql: Sql,
  project: ProjectId,
  from: string | undefined,
  count: number,
  tag?: WantedTag,
): Promise<readonly InstanceRow[]> {
  const { key, values } = tag ?? {};
  return sql.query<InstanceRow>(page(count), [
    ...[project, from ?? least],
    ...[key ?? null, values ?? null],
  ]);
}

export function instancesById(
  sql: Sql,
  project: ProjectId,
  uuids: readonly string[],
): Promise<readonly InstanceRow[]> {
  return sql.query<InstanceRow>(byUuid, [project, uuids]);
}

/** All of them, in the order in which they were asked for. Rejects with `InvalidInstanceID.NotFound`, naming those that are not. */
export async function findInstances(
  sql: Sql,
  project: ProjectId,
  ids: readonly string[],
): Promise<readonly InstanceRow[]> {
  const wanted = [...new Set(ids)].map((id) => readId("instance", id));
  const rows = await sql.query<InstanceRow>(some, [project, wanted]);
  const byId = new Map(rows.map((row) => [idOf("instance", row.id), row]));
  const lacking = [...new Set(ids)].filter((id) => !byId.has(id));
  if (lacking.length > 0) throw notFound("InvalidInstanceID.NotFound", "instance", lacking);
  return [...byId.values()];
}

export async function findInstanceRow(
  sql: Sql,
  project: ProjectId,
  id: string,
): Promise<InstanceRow> {
  const [row] = await findInstances(sql, project, [id]);
  if (!row) throw notFound("InvalidInstanceID.NotFound", "instance", [id]);
  return row;
}
