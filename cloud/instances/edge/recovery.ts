/** What automation does for an instance, as its owner wants it: policy, priority, and whom it waits for. */
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import type { Recovery } from "../core/model.ts";
import { instanceNotFound } from "./views.ts";

interface Change {
  readonly recovery?: Recovery | undefined;
  readonly priority?: number | undefined;
  readonly dependsOn?: readonly string[] | undefined;
}

/** Rejects with `instance_not_found` for one it should depend on, and with `dependency_circular`. */
export async function changeRecovery(
  database: Database,
  project: ProjectId,
  id: InstanceId,
  change: Change,
  who: { readonly at: Instant; readonly actor: string; readonly requestId: string },
): Promise<void> {
  await database.transaction(async (sql) => {
    const dependsOn = change.dependsOn && (await findDependencies(sql, project, change.dependsOn));
    if (dependsOn) await checkCircle(sql, id, dependsOn);
    await sql.query(
      `update instance set recovery = coalesce($2, recovery), priority = coalesce($3, priority),
         depends_on = coalesce($4::uuid[], depends_on), look_at = now(), version = version + 1 where id = $1`,
      [id, change.recovery ?? null, change.priority ?? null, dependsOn ?? null],
    );
    await appendJournal(sql, [
      { ...who, kind: "instance", subject: id, event: "recoveryChanged", detail: change },
    ]);
  });
}

/** By name or id, within the project. Rejects with `instance_not_found`. */
export async function findDependencies(
  sql: Sql,
  project: ProjectId,
  names: readonly string[],
): Promise<readonly InstanceId[]> {
  if (names.length === 0) return [];
  const rows = await sql.query<{ id: InstanceId; name: string; isGone: boolean }>(
    `select id, name, is_expunged as "isGone" from instance
     where project_id = $1 and (name = any($2) and not is_expunged or id = any(as_uuids($2)))`,
    [project, names],
  );
  return names.map((asked) => {
    const row = rows.find(({ id, name, isGone }) => id === asked || (name === asked && !isGone));
    if (!row) throw instanceNotFound(asked);
    return row.id;
  });
}

/** Two that wait for each other would both wait for as long as they may. */
async function checkCircle(
  sql: Sql,
  id: InstanceId,
  dependsOn: readonly InstanceId[],
): Promise<void> {
  const [circle] = await sql.query<{ name: string }>(
    `with recursive above (id) as (
       select unnest($2::uuid[]) union select unnest(i.depends_on) from instance i join above a on a.id = i.id)
     select i.name from above a join instance i on i.id = a.id where a.id = $1`,
    [id, dependsOn],
  );
  if (!circle) return;
  throw problem(
    "conflict",
    "dependency_circular",
    `${circle.name} would wait for itself: one of those depends on it already.`,
    { fix: "Take it out of the other one's list first: holdfast show NAME" },
  );
}

/** Rejects with `pool_not_found` unless some host reaches it. */
export async function checkPool(sql: Sql, pool: string): Promise<void> {
  const [host] = await sql.query("select from host where $1 = any(pools) limit 1", [pool]);
  if (host) return;
  throw problem("not_found", "pool_not_found", `No host reaches a pool ${pool}.`, {
    fix: "Use `local`, or give the hosts a pool of that name: docs/pools.md",
  });
}
