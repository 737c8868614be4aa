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

async function lookAt(sql: Sql, instances: readonly InstanceId[], now: Instant): Promise<void> {
  await sql.query("select from instance where id = any($1) order by id for update", [instances]);
  await sql.query(
    "update instance set look_at = least(look_at, $2::timestamptz) where id = any($1)",
    [instances, iso(now)],
  );
}
