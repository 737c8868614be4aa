/**
 * The fleet as fencing sees it: who is silent, since when, and what could prove it dead.
 *
 * Only silent hosts are read as rows. Of all others it counts how many there are and who shows himself in a pool: that is
 * asked every second for as long as anybody is silent, and a fleet of 100,000 rows takes longer than that.
 */
import type { HostState } from "@holdfast/cloud/hosts";
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Standing } from "../core/brake.ts";
import type { SilentHost } from "../core/fencing.ts";

interface Place {
  readonly id: HostId;
  readonly name: string;
  readonly pod: string;
  readonly zone: string;
  readonly state: HostState;
  readonly epoch: number;
}

export interface FleetRow extends Place {
  readonly silentSince: Instant;
  readonly endsBy: Instant | undefined;
  readonly watchdog: SilentHost["watchdog"];
  readonly seenSince: SilentHost["seenSince"];
  readonly bmc:
    | { readonly url: string; readonly user: string; readonly password: string }
    | undefined;
}

interface Row extends Place {
  readonly renewedAt: Instant;
  readonly endsBy: Instant | null;
  readonly watchdog: "hardware" | "software" | "simulated" | null;
  readonly pools: string[];
  readonly url: string | null;
  readonly username: string | null;
  readonly password: string | null;
}

/** Whether any is silent, or was off when it was last asked. Nearly always there is none, and nobody needs to read the fleet. */
export async function isAny(
  sql: Sql,
): Promise<{ readonly silent: boolean; readonly off: boolean } | undefined> {
  const [row] = await sql.query<{ silent: boolean; off: boolean }>(
    `select exists (select from host where state = 'suspect') as silent,
       exists (select from host_bmc where said = 'off') as off`,
    [],
  );
  return row;
}

/** How many hosts each pod has, and of how many nothing has been heard since then. */
export function readStandings(sql: Sql, since: Instant): Promise<readonly Standing[]> {
  return sql.query<Standing>(
    `select c.pod, p.zone, sum(g.hosts)::int as of, sum(g.silent)::int as silent
     from (select h.cluster, count(*) as hosts, count(*) filter (where h.state = 'suspect' or (h.state = 'down'
         and exists (select from fence_certificate f where f.host_id = h.id and f.proven_at > $1))) as silent
       from host h group by h.cluster) g
     join cluster c on c.name = g.cluster join pod p on p.name = c.pod group by 1, 2`,
    [new Date(since)],
  );
}

export const readSilent = (sql: Sql, now: Instant): Promise<readonly FleetRow[]> =>
  read(sql, "h.state = 'suspect'", [], now);

/** Hosts that were switched off to prove them dead, and that nobody has switched on again. */
export const readLeftOff = (sql: Sql, now: Instant): Promise<readonly FleetRow[]> =>
  read(
    sql,
    `h.state = 'down' and b.said = 'off' and exists (
       -- Whoever is told of a controller later, and finds the host off, has not switched it off.
       select from fence_certificate f where f.host_id = h.id and f.epoch = h.epoch
         and f.proof = 'power-off' and b.said_at <= f.proven_at + interval '1 minute')`,
    [],
    now,
  );

/** One host, silent or not. */
export async function readHost(sql: Sql, id: string, now: Instant): Promise<FleetRow | undefined> {
  return (await read(sql, "h.id = $1", [id], now))[0];
}

async function read(
  sql: Sql,
  which: string,
  values: readonly unknown[],
  now: Instant,
): Promise<readonly FleetRow[]> {
  const rows = await sql.query<Row>(
    `select h.id, h.name, c.pod, p.zone, h.state, h.epoch, l.renewed_at as "renewedAt",
       l.ends_by as "endsBy", l.watchdog, h.pools, b.url, b.username, b.password
     from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
       join host_lease l on l.host_id = h.id left join host_bmc b on b.host_id = h.id
     where ${which} order by h.id`,
    values,
  );
  const sights = await readSights(sql, [...new Set(rows.flatMap(({ pools }) => pools))], now);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    pod: row.pod,
    zone: row.zone,
    state: row.state,
    epoch: row.epoch,
    silentSince: row.renewedAt,
    endsBy: row.endsBy ?? undefined,
    watchdog: row.watchdog ?? undefined,
    seenSince: seenSince(row, sights),
    bmc:
      row.url !== null
        ? { url: row.url, user: row.username ?? "", password: row.password ?? "" }
        : undefined,
  }));
}

/** A stamp that is older than this is nobody's any more; milliseconds. Renewals come every second. */
const fresh = 3_000;

/** Of each pool, which two hosts have shown themselves there for longest: one of them is another than any given one. */
type Sights = ReadonlyMap<string, readonly { readonly host: HostId; readonly since: Instant }[]>;

async function readSights(sql: Sql, pools: readonly string[], now: Instant): Promise<Sights> {
  if (pools.length === 0) return new Map();
  const rows = await sql.query<{ pool: string; host: HostId; since: Instant }>(
    `select w.pool, s.host, s.since from unnest($1::text[]) w (pool) cross join lateral (
       select h.id as host, l.stamping_since as since from host h join host_lease l on l.host_id = h.id
       where h.state = 'up' and w.pool = any(h.pools) and l.stamping_since is not null and l.renewed_at > $2
       order by l.stamping_since, h.id limit 2) s
     order by w.pool, s.since`,
    [pools, new Date(now - fresh)],
  );
  return grouped(rows, ({ pool }) => pool);
}

/** The latest, over its pools, of the earliest moment since which another host has shown itself in that pool. */
function seenSince({ id, pools }: Row, sights: Sights): SilentHost["seenSince"] {
  if (pools.length === 0) return "alone";
  let latest: Instant | undefined;
  for (const pool of pools) {
    const other = sights.get(pool)?.find(({ host }) => host !== id);
    if (!other) return undefined;
    if (latest === undefined || other.since > latest) latest = other.since;
  }
  return latest;
}

/** The domains for which a person has lifted the brake. */
export async function readReleases(sql: Sql, now: Instant): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ domain: string }>(
    "select domain from fence_release where until > $1",
    [new Date(now)],
  );
  return new Set(rows.map(({ domain }) => domain));
}
