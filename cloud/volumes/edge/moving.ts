/**
 * What speaks against moving instances while they run, as far as their volumes go. For whoever moves them.
 *
 * A disk on a host is copied as its guest sees it, and the file it was in is deleted afterwards. What lies in that
 * file besides, or in an older one that a restore has put aside, would be lost; it can be told by the snapshots.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { meanings, type TaskKind, taskKinds } from "../core/tasks.ts";

/** A task that a host was told, and may be carrying out at this moment. */
export interface GivenTask {
  readonly instance: InstanceId;
  readonly do: TaskKind;
  readonly volume: string;
  readonly by: string;
}

/** They keep nobody from anything; but a host that the guest has left would do them to a file that nobody uses. */
const quiet = taskKinds.filter((kind) => {
  const { activity, isForever } = meanings[kind];
  return !activity && !isForever;
});

/**
 * What hosts are doing with the volumes of these besides activities. What was not given to a host by now waits for the
 * end of a move; so hold the rows of the instances.
 */
export const givenTasksOf = (
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<readonly GivenTask[]> =>
  sql.query(
    `select i.id as instance, t."do", coalesce(v.name, i.name || '.' || v.kind) as volume, t.actor as by
     from storage_task t join volume v on v.id = t.volume_id join instance i on i.volume_id = v.id
       or i.id = (select a.instance_id from attachment a where a.volume_id = v.id)
     where t.host_id is not null and t."do" = any($2) and i.id = any($1) order by t.seq`,
    [instances, quiet],
  );

/**
 * How many snapshots of the volumes of these lie on the disks of their hosts, where there are any. To go by it, hold
 * the rows of the instances: no snapshot is asked for without.
 */
export async function localSnapshotsOf(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, number>> {
  // One that failed is in no file, but a file that was put aside is kept for its sake too.
  const rows = await sql.query<{ instance: InstanceId; count: number }>(
    `select d.instance, count(*)::int as count
     from (select id as instance, volume_id as volume from instance where id = any($1)
       union all select instance_id, volume_id from attachment where instance_id = any($1)) d
       join volume v on v.id = d.volume and v.pool = 'local'
       join snapshot n on n.volume_id = v.id and (n.state <> 'failed' or n.lies_in <> v.id)
     group by d.instance`,
    [instances],
  );
  return new Map(rows.map(({ instance, count }) => [instance, count]));
}
