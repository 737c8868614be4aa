/**
 * Who does what only one manager may do at a time, with an epoch that tells a holder from its ghost.
 *
 * Time is PostgreSQL's, so managers with different clocks agree on who holds what. A lease is not a
 * lock: work done under it must be repeatable, or carry the epoch.
 */
import type { Duration } from "@holdfast/kernel/time";
import type { Sql } from "./database.ts";

/** Take the lease, or renew it. Returns its epoch while `owner` holds it, undefined while another does. */
export async function holdLease(
  sql: Sql,
  name: string,
  owner: string,
  length: Duration,
): Promise<number | undefined> {
  const [row] = await sql.query<{ epoch: number }>(
    `insert into lease as held (name, owner, epoch, expires_at)
       values ($1, $2, 1, now() + $3 * interval '1 millisecond')
     on conflict (name) do update set
       owner = excluded.owner,
       epoch = held.epoch + (case when held.owner = excluded.owner then 0 else 1 end),
       expires_at = excluded.expires_at
     where held.owner = excluded.owner or held.expires_at < now()
     returning epoch`,
    [name, owner, length],
  );
  return row?.epoch;
}

/** Give it back early. Not holding it is no error. */
export async function dropLease(sql: Sql, name: string, owner: string): Promise<void> {
  await sql.query("update lease set expires_at = now() where name = $1 and owner = $2", [
    name,
    owner,
  ]);
}

/** How many leases of a kind (the first word of their names) are held. Those that have long been nobody's are forgotten. */
export async function countHolders(sql: Sql, kind: string): Promise<number> {
  const [row] = await sql.query<{ held: number }>(
    `with gone as (delete from lease where name like $1 || ' %' and expires_at < now() - interval '1 day')
     select count(*)::int as held from lease where name like $1 || ' %' and expires_at > now()`,
    [kind],
  );
  return row?.held ?? 0;
}
