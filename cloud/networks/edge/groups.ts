/** Security groups: made, shown and deleted, and who is in them. Their rules are in rules.ts. */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import { tagsOf } from "@holdfast/cloud/tags/edge";
import type { InstanceId, ProjectId, SecurityGroupId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { GroupView } from "../api.ts";
import { groupNotFound, holdGroup, holdGroups, holdNics, notConnected } from "./lookup.ts";

export interface NewGroup {
  readonly id: SecurityGroupId;
  readonly project: ProjectId;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Instant;
}

/** Breaks `security_group_project_id_name_key` if the name is taken. */
export async function insertGroup(sql: Sql, group: NewGroup): Promise<void> {
  const { id, project, name, description, createdAt } = group;
  await mustFit(sql, project, { securityGroups: 1 });
  await sql.query(
    `insert into security_group (id, project_id, name, description, created_at)
     values ($1, $2, $3, $4, $5)`,
    [id, project, name, description, iso(createdAt)],
  );
}

const select = (
  from = "security_group g",
) => `select g.id, g.name, g.description, g.created_at as "createdAt",
    coalesce((select jsonb_agg(jsonb_build_object('id', r.id, 'direction', r.direction,
        'protocol', r.protocol, 'fromPort', r.from_port, 'toPort', r.to_port, 'cidr', r.peer_cidr,
        'group', p.name) order by r.direction desc, r.created_at, r.id)
      from security_rule r left join security_group p on p.id = r.peer_group
      where r.group_id = g.id), '[]') as rules,
    array(select distinct i.name from nic_group m join nic c on c.id = m.nic_id
      join instance i on i.id = c.instance_id where m.group_id = g.id order by i.name) as instances,
    ${tagsOf("g.id")} as tags
  from ${from}`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfGroups(
  sql: Sql,
  project: ProjectId,
  page: AskedPage,
): Promise<{ groups: GroupView[]; next: string | null }> {
  const { items, next } = await readPage<GroupView>(
    sql,
    {
      name: `groups ${project}`,
      from: "security_group g",
      where: [["g.project_id = ?", project]],
      by: byName("g.name"),
      show: select,
    },
    page,
  );
  return { groups: items, next };
}

/** By name or id. Rejects with `group_not_found`. */
export async function findGroupView(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<GroupView> {
  const [row] = await sql.query<GroupView>(
    `${select()} where g.project_id = $1 and (g.name = $2 or g.id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row;
  throw groupNotFound(nameOrId);
}

/** Returns it as it was. Rejects with `group_not_found` and `group_in_use`. */
export async function deleteGroup(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<GroupView> {
  const { id, name } = await holdGroup(sql, project, nameOrId);
  const view = await findGroupView(sql, project, id);
  const [member] = view.instances;
  if (member !== undefined)
    throw problem(
      "conflict",
      "group_in_use",
      `In ${name}: ${view.instances.slice(0, 5).join(", ")}${view.instances.length > 5 ? ` and ${view.instances.length - 5} more` : ""}.`,
      {
        fix: `Take each out of it: holdfast groups set ${member} and the groups that it stays in, or --none`,
      },
    );
  const [by] = await sql.query<{ name: string }>(
    `select g.name from security_rule r join security_group g on g.id = r.group_id
     where r.peer_group = $1 and r.group_id <> $1 order by g.name limit 1`,
    [id],
  );
  if (by)
    throw problem("conflict", "group_in_use", `A rule of ${by.name} names ${name}.`, {
      fix: `Take that rule away first: holdfast groups show ${by.name}`,
    });
  await sql.query("delete from security_group where id = $1", [id]);
  return view;
}

/** Rejects with `instance_not_found`, `not_connected` and `group_not_found`. */
export async function setGroups(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
  asked: readonly string[],
): Promise<{
  readonly instance: InstanceId;
  readonly before: readonly string[];
  readonly after: readonly string[];
}> {
  const { instance, name, nics } = await holdNics(sql, project, nameOrId);
  if (nics.length === 0) throw notConnected(name);
  const groups = new Map(
    [...(await holdGroups(sql, project, asked)).values()].map((group) => [group.id, group.name]),
  );
  const rows = await sql.query<{ name: string }>(
    `select distinct g.name from nic_group m join nic c on c.id = m.nic_id
       join security_group g on g.id = m.group_id where c.instance_id = $1 order by g.name`,
    [instance],
  );
  const ids = nics.map(({ id }) => id);
  await sql.query("delete from nic_group where nic_id = any($1) and group_id <> all($2)", [
    ids,
    [...groups.keys()],
  ]);
  await sql.query(
    `insert into nic_group (nic_id, group_id)
     select nic, g from unnest($1::uuid[]) nic cross join unnest($2::uuid[]) g on conflict do nothing`,
    [ids, [...groups.keys()]],
  );
  return {
    instance,
    before: rows.map((row) => row.name),
    after: [...groups.values()].sort(),
  };
}
