/** What happens to a host concerns its guests: their next look is written with the change itself. */
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

/**
 * Whatever these hosts run, or are to run soon, is looked at by whichever manager comes first, even if this one dies now. Call it
 * before the hosts' own rows are touched: instances are locked before hosts, everywhere.
 *
 * Who is due already keeps its place: where a rack dies the proof would send its guests back to the end of a queue that they have
 * stood in since the silence. Whether it is due is asked of the row that is locked, and not of what this statement saw as
 * it began: somebody may have had it in hand then, and looked at the host as it was.
 */
export async function lookAtGuests(sql: Sql, hosts: readonly HostId[]): Promise<void> {
  await sql.query(
    `with held as materialized (
       select id, look_at from instance where id in (select id from instance where home = any($1)
         union select instance_id from migration where to_host = any($1) and state in ('preparing', 'copying'))
       order by id for update)
     update instance i set look_at = now() from held
     where i.id = held.id and (held.look_at is null or held.look_at > now())`,
    [hosts],
  );
}
