/** The fleet as fencing sees it: who is silent, since when, and what could prove it dead. */
import type { HostState } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import { type Instant, since } from "@holdfast/kernel/time";
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

export async function readFleet(sql: Sql, now: Instant): Promise<readonly FleetRow[]> {
  const rows = await sql.query<Row>(
    `select h.id, h.name, c.pod, p.zone, h.state, h.epoch, l.renewed_at as "renewedAt",
       l.ends_by as "endsBy", l.watchdog, h.pools,
       l.stamping_since as "stampingSince", b.url, b.username, b.password,
       (select max(proven_at) from fence_certificate f where f.host_id = h.id) as "provenAt"
     from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
       join host_lease l on l.host_id = h.id left join host_bmc b on b.host_id = h.id`,
  );
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
    seenSince: seenSince(row, rows, now),
    bmc:
      row.url !== null
        ? { url: row.url, user: row.username ?? "", password: row.password ?? "" }
        : undefined,
    provenAt: row.provenAt ?? undefined,
  }));
}

/** A stamp that is older than this is nobody's any more; milliseconds. Renewals come every second. */
const fresh = 3_000;

/** The latest, over its pools, of the earliest moment since which another host has shown itself in that pool. */
function seenSince(host: Row, fleet: readonly Row[], now: Instant): SilentHost["seenSince"] {
  if (host.pools.length === 0) return "alone";
  let latest: Instant | undefined;
  for (const pool of host.pools) {
    const sights = fleet.flatMap((other) =>
      other.id !== host.id &&
      other.state === "up" &&
      other.pools.includes(pool) &&
      other.stampingSince !== null &&
      now - other.renewedAt < fresh
        ? [other.stampingSince]
        : [],
    );
    if (sights.length === 0) return undefined;
    const earliest = sights.reduce((a, b) => (since(a, b) > 0 ? a : b));
    if (latest === undefined || earliest > latest) latest = earliest;
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
