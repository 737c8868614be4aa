/**
 * Instances with all that EC2 shows of them: a page is found first and dressed then, in one statement with what each has
 * one of, and one each for cards and further disks. As JSON within the row these cost PostgreSQL and us more.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { notFound } from "../core/errors.ts";
import type { WantedTag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import type { DiskRow, InstanceRow } from "../core/instance.ts";
import { nicsOf } from "./nic-rows.ts";
import { hasTag, tagsOrNull } from "./tags.ts";

/** For queries: the digits of EC2's id of this column. There are indexes on exactly this. */
export const digits = (id: string) => `right(replace(${id}::text, '-', ''), 17)`;

/** What has ended is shown for an hour; programs wait until they see that it has. */
const isShown = (i: string) =>
  `(${i}.destroyed_at is null or ${i}.destroyed_at > now() - interval '1 hour')`;

/** Where its host is; where it was asked to be, while it has none. */
export const zoneOf = (i: string) =>
  `coalesce((select p.zone from host h join cluster u on u.name = h.cluster join pod p on p.name = u.pod
     where h.id = coalesce(${i}.home, ${i}.last_host)), ${i}.zone)`;

/** What each has one of. A host's place is joined and not looked up for each: there are few hosts and many instances. */
const columns = `i.id, i.name, i.type, i.cpus, i.image_id as image, i.state, i.desired, i.cause, i.is_protected as "isProtected",
  coalesce(i.metadata, 'on') as metadata, coalesce(i.metadata_tokens, 'optional') as "metadataTokens",
  coalesce(i.metadata_hops, 1) as "metadataHops", i.volume_id as root,
  exists (select from attachment a where a.instance_id = i.id) as "hasMore",
  i.created_at as "createdAt", c.asked_at as "launchedAt", i.destroyed_at as "endedAt", coalesce(p.zone, i.zone) as zone,
  k.name as key, ${tagsOrNull("i.id")} as tags, x.detail as note`;
const dressed = (found: string) =>
  `select ${columns} from (${found}) i
     left join incarnation c on c.instance_id = i.id and c.generation = i.generation
     left join host h on h.id = coalesce(i.home, i.last_host) left join cluster u on u.name = h.cluster left join pod p on p.name = u.pod
     left join instance_key k on k.instance_id = i.id and k.slot = 0
     left join ec2_note x on x.subject = i.id
   order by i.id`;

/** `tagged`: of those with the tag of the last parameters. Without it none is mentioned: the plan is kept then. */
const page = (count: number, tagged: boolean) => {
  const tag = tagged ? ` and ${hasTag("i.id", "$3", "$4")}` : "";
  return dressed(
    `(select * from instance i where project_id = $1 and not is_expunged and id > $2 and ${isShown("i")}${tag}
      order by id limit ${count})
   union all (select * from instance i where project_id = $1 and is_expunged and id > $2${tag}
     and destroyed_at > now() - interval '1 hour' order by id limit ${count}) order by id limit ${count}`,
  );
};
const some = dressed(
  `select * from instance i where project_id = $1 and ${digits("id")} = any($2) and ${isShown("i")}`,
);
const byUuid = dressed("select * from instance i where project_id = $1 and id = any($2)");

/** As one statement has it: null for none, which is the least to send and to read. */
interface Found extends Omit<InstanceRow, "nics" | "disks" | "tags"> {
  readonly root: string;
  readonly hasMore: boolean;
  readonly tags: InstanceRow["tags"] | null;
}

/** With what each may have many of. */
async function whole(sql: Sql, found: readonly Found[]): Promise<readonly InstanceRow[]> {
  const ids = found.map(({ id }) => id);
  const withMore = found.flatMap(({ id, hasMore }) => (hasMore ? [id] : []));
  const [nics, disks] = await Promise.all([nicsOf(sql, ids), moreDisksOf(sql, withMore)]);
  // Onto the rows, which are nobody else's: to copy a thousand of them costs as much as to show them.
  return found.map((row) =>
    Object.assign(row, {
      nics: nics.get(row.id) ?? [],
      disks: [rootOf(row), ...(disks.get(row.id) ?? [])],
      tags: row.tags ?? [],
    }),
  );
}

const rootOf = ({ root, createdAt }: Found): DiskRow => ({
  id: root,
  slot: 0,
  isGone: true,
  attachedAt: createdAt,
  isLeaving: false,
  device: null,
});

/** In the order in which their guests see them. */
async function moreDisksOf(
  sql: Sql,
  instances: readonly string[],
): Promise<ReadonlyMap<string, readonly DiskRow[]>> {
  if (instances.length === 0) return new Map();
  const rows = await sql.query<DiskRow & { readonly instance: string }>(
    `select t.instance_id as instance, t.volume_id as id, t.slot, t.delete_with_instance or v.kind = 'ephemeral' as "isGone",
       t.attached_at as "attachedAt", t.leaving is not null as "isLeaving", x.detail ->> 'device' as device
     from attachment t join volume v on v.id = t.volume_id left join ec2_note x on x.subject = t.volume_id
     where t.instance_id = any($1) order by t.instance_id, t.slot`,
    [instances],
  );
  return grouped(rows, ({ instance }) => instance);
}

const least = "00000000-0000-0000-0000-000000000000";

/** At most `count` of those after `from`, which have the tag if one is wanted. */
export async function readInstances(
  sql: Sql,
  project: ProjectId,
  from: string | undefined,
  count: number,
  tag?: WantedTag,
): Promise<readonly InstanceRow[]> {
  const values = [project, from ?? least, ...(tag ? [tag.key, tag.values] : [])];
  return whole(sql, await sql.query<Found>(page(count, tag !== undefined), values));
}

export async function instancesById(
  sql: Sql,
  project: ProjectId,
  uuids: readonly string[],
): Promise<readonly InstanceRow[]> {
  return whole(sql, await sql.query<Found>(byUuid, [project, uuids]));
}

/** All of them, in the order in which they were asked for. Rejects with `InvalidInstanceID.NotFound`, naming those that are not. */
export async function findInstances(
  sql: Sql,
  project: ProjectId,
  ids: readonly string[],
): Promise<readonly InstanceRow[]> {
  const wanted = [...new Set(ids)].map((id) => readId("instance", id));
  const rows = await whole(sql, await sql.query<Found>(some, [project, wanted]));
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
