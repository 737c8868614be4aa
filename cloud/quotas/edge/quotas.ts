/**
 * Quotas on rows. What a project has is counted each time and kept nowhere, so there is no number that could leak when
 * something is expunged or was never made: docs/decisions/0031.
 *
 * What a newcomer would get wrong: to count before holding the rows of the quota, or in the same statement. Two who
 * make something at the same moment would count the same; whoever waits for the other's transaction has to count
 * after it, with a statement of its own.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { type Amounts, type Asking, admit, type Resource, resourceNames } from "../core/quota.ts";

/** Of the projects `$1`: who, and how much. Every text is one statement. */
const counts: Readonly<Record<Resource, string>> = {
  instances: ofInstances("count(*)"),
  cpus: ofInstances("sum(cpus)"),
  memoryMiB: ofInstances("sum(memory_mib)"),
  volumes: ofVolumes("count(*)"),
  volumeGiB: ofVolumes("sum(size_bytes) / 1073741824.0"),
  snapshots: of("snapshot", "state <> 'failed'"),
  backups: of("backup", "state <> 'failed'"),
  addresses: of("public_address", "kind = 'static'"),
  networks: of("network", "deleted_at is null"),
  securityGroups: of("security_group", "true"),
  images: of("image", "state not in ('deleted', 'failed')"),
};

/** For one that is about to be made, in its transaction and before its row. Rejects with `quota_exceeded`. */
export async function mustFit(sql: Sql, project: ProjectId, wanted: Amounts): Promise<void> {
  const limits = await holdQuotas(sql, [project]);
  const refused = await fitting(sql, [{ item: project, project, wanted }], limits);
  const why = refused.get(project);
  if (why) throw why;
}

/** For many at once. Those that do not fit, and why. `limits`: of all of their projects, held before this is asked. */
export async function fitting<Item>(
  sql: Sql,
  asked: readonly Asking<Item>[],
  limits: ReadonlyMap<ProjectId, Amounts>,
): Promise<ReadonlyMap<Item, Problem>> {
  if (limits.size === 0) return new Map();
  const wanted = new Set(asked.flatMap((one) => Object.keys(one.wanted)));
  const limited = resourceNames.filter(
    (name) => wanted.has(name) && [...limits.values()].some((most) => most[name] !== undefined),
  );
  if (limited.length === 0) return new Map();
  return admit(asked, limits, await countUsed(sql, [...limits.keys()], limited));
}

/** Nobody else makes anything in these projects until this transaction ends. How much they may have, those that are limited. */
export async function holdQuotas(
  sql: Sql,
  projects: readonly ProjectId[],
): Promise<ReadonlyMap<ProjectId, Amounts>> {
  if (projects.length === 0) return new Map();
  const rows = await sql.query<{ project: ProjectId; resource: Resource; most: number }>(
    `select project_id as project, resource, most from quota where project_id = any($1)
     order by project_id, resource for update`,
    [projects],
  );
  return byProject(rows.map(({ project, resource, most }) => [project, resource, most]));
}

export async function countUsed(
  sql: Sql,
  projects: readonly ProjectId[],
  names: readonly Resource[],
): Promise<ReadonlyMap<ProjectId, Amounts>> {
  const found = await Promise.all(
    names.map(async (name) => {
      const rows = await sql.query<{ project: ProjectId; used: string | number }>(counts[name], [
        projects,
      ]);
      return rows.map(({ project, used }) => [project, name, Number(used)] as const);
    }),
  );
  return byProject(found.flat());
}

export async function readQuotas(sql: Sql, project: ProjectId): Promise<Amounts> {
  const rows = await sql.query<{ resource: Resource; most: number }>(
    "select resource, most from quota where project_id = $1",
    [project],
  );
  return Object.fromEntries(rows.map(({ resource, most }) => [resource, most]));
}

/** Null: no limit any more. */
export async function writeQuota(
  sql: Sql,
  project: ProjectId,
  resource: Resource,
  most: number | null,
): Promise<void> {
  if (most === null)
    await sql.query("delete from quota where project_id = $1 and resource = $2", [
      project,
      resource,
    ]);
  else
    await sql.query(
      `insert into quota (project_id, resource, most) values ($1, $2, $3)
       on conflict (project_id, resource) do update set most = excluded.most`,
      [project, resource, most],
    );
}

function byProject(
  rows: readonly (readonly [ProjectId, Resource, number])[],
): ReadonlyMap<ProjectId, Amounts> {
  const found = new Map<ProjectId, Amounts>();
  for (const [project, resource, amount] of rows)
    found.set(project, { ...found.get(project), [resource]: amount });
  return found;
}

function of(table: string, condition: string, amount = "count(*)"): string {
  return `select project_id as project, ${amount} as used from ${table}
    where project_id = any($1) and ${condition} group by project_id`;
}

/** Until it is expunged: one that was destroyed can be recovered, and would be too much then. */
function ofInstances(amount: string): string {
  return of("instance", "not is_expunged", amount);
}

/** What is made only to take the place of another is not one more. */
function ofVolumes(amount: string): string {
  return of("volume", "state <> 'expunged' and successor_id is null", amount);
}
