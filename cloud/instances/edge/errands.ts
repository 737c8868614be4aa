/**
 * Errands as rows. To give one is also to have the instance looked at: by whichever manager comes first.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Errand } from "../core/model.ts";

export interface GivenErrand extends Errand {
  readonly instance: InstanceId;
  /** Of any other generation it is forgotten. */
  readonly generation: number;
  /** It holds until then; undefined: for as long as the generation is the last. */
  readonly until?: Instant;
}

/** In a query on instances: the errand of the generation that `alias` has, as JSON. */
export const errandOf = (alias: string) =>
  `(select json_build_object('does', e.does, 'reboots', e.reboots) from errand e
    where e.instance_id = ${alias}.id and e.generation = ${alias}.generation
      and (e.until is null or e.until > now()))`;

/** Locks the instances, in the order in which everybody does. */
export async function giveErrands(
  sql: Sql,
  errands: readonly GivenErrand[],
  now: Instant,
): Promise<void> {
  if (errands.length === 0) return;
  await lookAt(
    sql,
    errands.map(({ instance }) => instance),
    now,
  );
  await sql.query(
    `insert into errand (instance_id, generation, does, reboots, until)
     select * from unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::timestamptz[])
     on conflict (instance_id) do update set generation = excluded.generation, does = excluded.does,
       reboots = excluded.reboots, until = excluded.until`,
    [
      errands.map(({ instance }) => instance),
      errands.map(({ generation }) => generation),
      errands.map(({ does }) => does),
      errands.map(({ reboots }) => reboots),
      errands.map(({ until }) => (until === undefined ? null : iso(until))),
    ],
  );
}

/** What was not begun is not begun any more. */
export async function takeBackErrands(
  sql: Sql,
  instances: readonly InstanceId[],
  now: Instant,
): Promise<void> {
  if (instances.length === 0) return;
  await lookAt(sql, instances, now);
  await sql.query("delete from errand where instance_id = any($1)", [instances]);
}

/**
 * Forgets errands of generations that are over, and has instances looked at again that have not set out on
 * theirs. A pass that had the instance in hand when it was given one may not have seen it, and have put the
 * next look off. Resolves with whether there are any.
 */
export async function remind(sql: Sql, now: Instant): Promise<boolean> {
  await sql.query(
    `delete from errand e using instance i
     where i.id = e.instance_id and (i.generation <> e.generation or e.until <= now())`,
  );
  const rows = await sql.query<{ id: InstanceId }>(
    `select i.id from instance i join errand e on e.instance_id = i.id
     where i.desired = 'running' and i.job_id is null and i.op is null and (i.look_at is null or i.look_at > $1)
       and (i.state = 'running' and (e.does in ('leave', 'pause')
             or e.does = 'reboot' and i.reboots <= e.reboots)
         or i.state = 'stopped' and e.does = 'return' and i.not_before is null)
     order by i.id for update of i skip locked`,
    [iso(now)],
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length > 0)
    await sql.query("update instance set look_at = $2 where id = any($1)", [ids, iso(now)]);
  return ids.length > 0;
}

async function lookAt(sql: Sql, instances: readonly InstanceId[], now: Instant): Promise<void> {
  await sql.query("select from instance where id = any($1) order by id for update", [instances]);
  await sql.query(
    "update instance set look_at = least(look_at, $2::timestamptz) where id = any($1)",
    [instances, iso(now)],
  );
}
