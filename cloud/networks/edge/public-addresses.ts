/**
 * Public addresses: what they are taken from, and who has them.
 *
 * Whoever gives one out holds the rows of the ranges, so two can never give out the same.
 */
import type { NetworkId, NicId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { formatAddress, lowestFree, parseAddress, parseCidr, sizeOf } from "../core/cidr.ts";

/** The lowest free ones, in the order of their ranges; fewer if there are not so many. */
async function takeFree(sql: Sql, count: number): Promise<readonly string[]> {
  if (count === 0) return [];
  const ranges = await sql.query<{ cidr: string }>(
    "select cidr from public_range order by created_at, cidr for update",
  );
  const rows = await sql.query<{ address: string }>(
    "select host(address) as address from public_address",
  );
  const taken = new Set(rows.map(({ address }) => parseAddress(address) ?? 0));
  const free: number[] = [];
  for (const { cidr } of ranges) {
    const range = parseCidr(cidr);
    if (!range) throw new Error(`${cidr} is no range`);
    const all = { first: range.base, last: range.base + sizeOf(range) - 1 };
    free.push(...lowestFree(all, taken, count - free.length));
  }
  return free.map(formatAddress);
}

/** One for its owner to keep. Rejects with `public_addresses_exhausted`. */
export async function takeOne(sql: Sql): Promise<string> {
  const [address] = await takeFree(sql, 1);
  if (address) return address;
  const [used] = await sql.query<{ all: number; idle: number; ranges: number }>(
    `select count(*)::int as "all", (select count(*)::int from public_range) as ranges,
       count(*) filter (where kind = 'static' and nic_id is null)::int as idle from public_address`,
  );
  const { all = 0, idle = 0, ranges = 0 } = used ?? {};
  throw problem(
    "exhausted",
    "public_addresses_exhausted",
    ranges === 0
      ? "There are no public addresses: no range of them has been given to the platform."
      : `All ${all} public addresses are taken; ${idle} of them are static and attached to nothing.`,
    {
      fix:
        ranges === 0
          ? "An operator gives it one: holdfast ranges add CIDR"
          : "Give back what nobody uses (holdfast addresses), or add a range: holdfast ranges add CIDR",
      facts: { taken: all, idle, ranges },
    },
  );
}

export interface Automatic {
  readonly nic: NicId;
  readonly project: ProjectId;
}

export interface Address {
  readonly nic: NicId;
  readonly address: string;
}

/** As many as there are. Returns what was given. */
export async function giveAutomatic(
  sql: Sql,
  nics: readonly Automatic[],
  now: Instant,
): Promise<readonly Address[]> {
  const free = await takeFree(sql, nics.length);
  const given = nics.slice(0, free.length);
  if (given.length === 0) return [];
  return sql.query<Address>(
    `insert into public_address (address, project_id, kind, nic_id, allocated_at)
     select address, project, 'automatic', nic, $4
     from unnest($1::inet[], $2::uuid[], $3::uuid[]) as given (address, project, nic)
     on conflict (nic_id) do nothing
     returning nic_id as nic, host(address) as address`, // Somebody has attached one meanwhile.
    [free, given.map(({ project }) => project), given.map(({ nic }) => nic), iso(now)],
  );
}

/** Returns what was taken. */
export async function takeBackAutomatic(
  sql: Sql,
  nics: readonly NicId[],
): Promise<readonly Address[]> {
  if (nics.length === 0) return [];
  return sql.query<Address>(
    `delete from public_address where kind = 'automatic' and nic_id = any($1)
     returning nic_id as nic, host(address) as address`,
    [nics],
  );
}

/**
 * What guests of a network come from outside as: one for each that has a router and none yet, as long as there
 * are any. One without an address goes out as its host. Returns the networks that were given one.
 */
export async function giveRouters(sql: Sql, now: Instant): Promise<readonly NetworkId[]> {
  const without = await sql.query<{ id: NetworkId; project: ProjectId }>(
    `select n.id, n.project_id as project from network n join router r on r.network_id = n.id
     where n.deleted_at is null and exists (select from public_range)
       and not exists (select from public_address a where a.network_id = n.id)
     order by n.id for update of n`, // Whoever deletes one waits, and gives its address back.
  );
  const free = await takeFree(sql, without.length);
  const given = without.slice(0, free.length);
  if (given.length === 0) return [];
  await sql.query(
    `insert into public_address (address, project_id, kind, network_id, allocated_at)
     select address, project, 'router', network, $4
     from unnest($1::inet[], $2::uuid[], $3::uuid[]) as given (address, project, network)`,
    [free, given.map(({ project }) => project), given.map(({ id }) => id), iso(now)],
  );
  return given.map(({ id }) => id);
}
