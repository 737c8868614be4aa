/**
 * The pool of network ids: the lowest free one, and who holds the others.
 *
 * Whoever takes one holds the table, so two managers can never take the same; the unique index would refuse
 * it besides. There is no table of free ids: an id is free when no network has it.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";

export interface Pool {
  readonly first: number;
  readonly last: number;
}

export interface Holder {
  readonly vni: number;
  readonly network: string;
  readonly project: string;
  readonly guests: number;
  readonly createdAt: number;
}

/** Nobody makes a network until the end of the transaction. Readers, and guests that connect, do not wait. */
export async function holdNetworks(sql: Sql): Promise<void> {
  await sql.query("lock table network in share row exclusive mode");
}

/** To be called while the networks are held. Undefined if all are taken. */
export async function lowestFreeId(sql: Sql, { first, last }: Pool): Promise<number | undefined> {
  const [row] = await sql.query<{ id: number }>(
    `select candidate.id from (
       select $1::int as id
       union all select vni + 1 from network
         where deleted_at is null and vni between $1 and $2 - 1
     ) candidate
     where candidate.id <= $2 and not exists (
       select from network n where n.vni = candidate.id and n.deleted_at is null)
     order by candidate.id limit 1`,
    [first, last],
  );
  return row?.id;
}

/** Those nobody would miss come first: with the fewest guests, and of these the oldest. */
export function listHolders(
  sql: Sql,
  pool: Pool,
  of: { readonly project?: ProjectId | undefined; readonly limit?: number },
): Promise<readonly Holder[]> {
  return sql.query<Holder>(
    `select n.vni, n.name as network, p.name as project, n.created_at as "createdAt",
       (select count(*)::int from nic c where c.network_id = n.id) as guests
     from network n join project p on p.id = n.project_id
     where n.deleted_at is null and n.vni between $1 and $2
       and ($3::uuid is null or n.project_id = $3)
     order by guests, n.created_at, n.id limit $4`,
    [pool.first, pool.last, of.project ?? null, of.limit ?? null],
  );
}

/** How many holders a refusal names. */
const mostNamed = 32;

/**
 * Says who holds the ids and how to free one. Members of a project are told of its own networks only;
 * `project` is undefined for an operator.
 */
export async function idsExhausted(sql: Sql, pool: Pool, project: ProjectId | undefined) {
  const { first, last } = pool;
  if (first > last)
    return problem(
      "exhausted",
      "network_ids_exhausted",
      `The pool of network ids is empty: it begins at ${first} and ends at ${last}.`,
      {
        fix: `An operator opens it: holdfast settings set networks.last_id 16777215`,
        facts: { ...pool, held: [] },
      },
    );
  const [counts] = await sql.query<{ all: number; empty: number }>(
    `select count(*)::int as "all", count(*) filter (
       where not exists (select from nic c where c.network_id = n.id))::int as empty
     from network n where n.deleted_at is null and n.vni between $1 and $2`,
    [first, last],
  );
  const { all = 0, empty = 0 } = counts ?? {};
  const held = await listHolders(sql, pool, { project, limit: mostNamed });
  const [best] = held;
  const where = best && project === undefined ? `--project ${best.project} ` : "";
  const mine =
    best && best.guests === 0
      ? `Delete one that has no guests: holdfast ${where}networks delete ${best.network}. `
      : "";
  return problem(
    "exhausted",
    "network_ids_exhausted",
    `All ${all} network ids from ${first} to ${last} are held, ${empty} of them by networks without guests.`,
    {
      fix: `${mine}An operator sees who holds which with holdfast networks ids, and adds more with holdfast settings set networks.last_id`,
      facts: { ...pool, empty, held },
    },
  );
}
