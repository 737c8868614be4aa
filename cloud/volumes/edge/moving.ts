/**
 * What speaks against moving instances while they run, as far as their volumes go. For whoever moves them.
 *
 * A disk on a host is copied as its guest sees it, and the file it was in is deleted afterwards. What lies in that
 * file besides, or in an older one that a restore has put aside, would be lost; it can be told by the snapshots.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

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
