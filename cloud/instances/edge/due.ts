/**
 * Who is due, without an index of the instances that every step of theirs would have to touch.
 *
 * When one is to be looked at says its own row. Beside it there is a row of `due` that is as early or earlier: a trigger writes it
 * where the moment becomes an earlier one, and nobody where it becomes a later one or none. So what is found there is a
 * question, which the row of the instance answers once it is held; whoever has asked puts right what was too early.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";

/** Holds at most `limit` that nobody else has in hand. `early`: those that are due later, or not any more. */
export async function takeDue(
  sql: Sql,
  by: Instant,
  limit: number,
): Promise<{ readonly due: readonly InstanceId[]; readonly early: readonly InstanceId[] }> {
  const rows = await sql.query<{ id: InstanceId; isDue: boolean }>(
    `select i.id, coalesce(i.look_at <= $1, false) as "isDue"
     from due d join instance i on i.id = d.instance_id
     where d.at <= $1 order by d.at limit $2 for update of i skip locked`,
    [iso(by), limit],
  );
  const idsOf = (isDue: boolean) => rows.filter((row) => row.isDue === isDue).map(({ id }) => id);
  return { due: idsOf(true), early: idsOf(false) };
}

/** Those that were due up to now, the longest first. They are not held. */
export async function findDue(
  sql: Sql,
  by: Instant,
  limit: number,
): Promise<readonly InstanceId[]> {
  const rows = await sql.query<{ id: InstanceId }>(
    `select i.id from due d join instance i on i.id = d.instance_id
     where d.at <= $1 and i.look_at <= $1 order by d.at limit $2`,
    [iso(by), limit],
  );
  return rows.map(({ id }) => id);
}

/** The moment at which somebody may be due next, or a moment before it. */
export async function nextDue(sql: Sql): Promise<Instant | undefined> {
  const [row] = await sql.query<{ at: Instant | null }>(
    "select min(at) as at from due",
    [], // Prepared, because it follows every pass.
  );
  return row?.at ?? undefined;
}

/**
 * All that wait for a moment, as their own rows say it. Reads every instance: for when moments mean something else than
 * they did. One that could not have been found by its moment can be from now on.
 */
export async function findWaiting(sql: Sql): Promise<readonly InstanceId[]> {
  const rows = await sql.query<{ id: InstanceId }>(
    `with waiting as materialized (select id, look_at as at from instance where look_at is not null),
       mended as (
         insert into due select id, at from waiting w
           where not exists (select from due d where d.instance_id = w.id and d.at <= w.at) order by id
         on conflict (instance_id) do update set at = excluded.at where due.at > excluded.at)
     select id from waiting`,
  );
  return rows.map(({ id }) => id);
}

/** After their own rows were written, by whoever holds them. */
export async function putRight(sql: Sql, held: readonly InstanceId[]): Promise<void> {
  if (held.length === 0) return;
  await sql.query(
    `with told as materialized (select id, look_at as at from instance where id = any($1)),
       never as (delete from due d using told where d.instance_id = told.id and told.at is null)
     update due d set at = told.at from told where d.instance_id = told.id and told.at > d.at`,
    [held],
  );
}
