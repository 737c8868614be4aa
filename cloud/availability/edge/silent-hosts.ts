/** The fleet as fencing sees it: who is silent, since when, and what could prove it dead. */
import type { HostState } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { SilentHost } from "../core/fencing.ts";

interface Standing {
  readonly id: HostId;
  readonly name: string;
  readonly pod: string;
  readonly zone: string;
  readonly state: HostState;
  readonly epoch: number;
}

export interface FleetRow extends Standing {
  readonly silentSince: Instant;
  readonly endsBy: Instant | undefined;
  readonly watchdog: SilentHost["watchdog"];
  readonly seenSince: SilentHost["seenSince"];
  readonly bmc:
    | { readonly url: string; readonly user: string; readonly password: string }
    | undefined;
  /** When it was last proven dead. */
  readonly provenAt: Instant | undefined;
}

interface Row extends Standing {
  readonly renewedAt: Instant;
  readonly endsBy: Instant | null;
  readonly watchdog: "hardware" | "software" | "simulated" | null;
  readonly pools: string[];
  readonly stampingSince: Instant | null;
  readonly url: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly provenAt: Instant | null;
}

/** Nearly always there is none, and then nobody needs to read the fleet. */
export async function isAnySilent(sql: Sql): Promise<boolean> {
  return (await sql.query("select from host where state = 'suspect' limit 1", [])).length > 0;
}

export async function readFleet(sql: Sql, now: Instant): Promise<readonly FleetRow[]> {
  const rows = await sql.query<Row>(
    `select h.id, h.name, c.pod, p.zone, h.state, h.epoch, l.renewed_at as "renewedAt",
       l.ends_by as "endsBy", l.watchdog, h.pools,
       l.stamping_since as "stampingSince", b.url, b.username, b.password,
       (select max(proven_at) from fence_certificate f where f.host_id = h.id) as "provenAt"
     from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
       join host_lease l on l.host_id = h.id left join host_bmc b on b.host_id = h.id`,
  );
  const sights = sightsOf(rows, now);
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
    provenAt: row.provenAt ?? undefined,
  }));
}

/** A stamp that is older than this is nobody's any more; milliseconds. Renewals come every second. */
const fresh = 3_000;

/** Of each pool, which two hosts have shown themselves there for longest: one of them is another than any given one. */
type Sights = ReadonlyMap<string, readonly { readonly host: HostId; readonly since: Instant }[]>;

function sightsOf(fleet: readonly Row[], now: Instant): Sights {
  const sights = new Map<string, { host: HostId; since: Instant }[]>();
  for (const { id, state, pools, stampingSince, renewedAt } of fleet) {
    if (state !== "up" || stampingSince === null || now - renewedAt >= fresh) continue;
    for (const pool of pools) {
      const known = sights.get(pool) ?? [];
      known.push({ host: id, since: stampingSince });
      sights.set(pool, known.sort((a, b) => a.since - b.since).slice(0, 2));
    }
  }
  return sights;
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
