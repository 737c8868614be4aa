/** What happens to a host concerns its guests: their next look is written with the change itself. */
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

/**
 * Whatever these hosts run, or are to run soon, is looked at by whichever manager comes first, even if this one dies now. Call it
 * before the hosts' own rows are touched: instances are locked before hosts, everywhere.
 */
export async function lookAtGuests(sql: Sql, hosts: readonly HostId[]): Promise<void> {
  await sql.query(
    `update instance i set look_at = now()
     from (select id from instance where id in (select id from instance where home = any($1)
         union select instance_id from migration where to_host = any($1) and state in ('preparing', 'copying'))
       order by id for update) due where i.id = due.id`,
    [hosts],
  );
}
