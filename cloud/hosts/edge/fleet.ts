/** Hosts as rows, for people who ask to see them. */
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { type AskedPage, byName, readPage } from "@holdfast/store/pages";
import type { HostView } from "../api.ts";

const columns = `h.id, h.name, p.zone, c.pod, h.cluster, h.state, h.mode, h.epoch, h.tags, h.every_concern as concerns, h.pools,
  (select case when b.said = 'off' and l.renewed_at > b.said_at then 'on' else coalesce(b.said, 'not asked yet') end
     from host_bmc b where b.host_id = h.id) as power, h.cpus,
  h.memory_mib as "memoryMiB", h.reserved_cpus as "reservedCpus", h.reserved_memory_mib as "reservedMemoryMiB",
  (select count(*)::int from instance i where i.home = h.id) as instances,
  h.facts->'acceleration' as acceleration, h.facts->>'hypervisor' as hypervisor, l.renewed_at as "heardAt"`;

export type HostRow = Omit<HostView, "isConnected" | "hasGuard" | "watchdog">;

const sources = (from = "host h") => `${from} join cluster c on c.name = h.cluster
  join pod p on p.name = c.pod left join host_lease l on l.host_id = h.id`;

/** By name. Rejects with `cursor_not_valid`. */
export async function pageOfHostRows(
  sql: Sql,
  page: AskedPage,
): Promise<{ readonly hosts: readonly HostRow[]; readonly next: string | null }> {
  const { items, next } = await readPage<HostRow>(
    sql,
    {
      name: "hosts",
      from: "host h",
      where: [],
      by: byName("h.name"),
      show: (found) => `select ${columns} from ${sources(found)}`,
    },
    page,
  );
  return { hosts: items, next };
}

/** By name or id. Rejects with `host_not_found`. */
export async function findHostRow(sql: Sql, nameOrId: string): Promise<HostRow> {
  const [row] = await sql.query<HostRow>(
    `select ${columns} from ${sources()} where h.name = $1 or h.id = as_uuid($1)`,
    [nameOrId],
  );
  if (row) return row;
  throw problem("not_found", "host_not_found", `There is no host ${nameOrId}.`, {
    fix: "See them: holdfast hosts",
  });
}

/** The places that every installation has. Safe to repeat. */
export async function ensureDefaultPlace(sql: Sql): Promise<void> {
  await sql.query("insert into zone (name) values ('default') on conflict do nothing");
  await sql.query(
    "insert into pod (name, zone) values ('default', 'default') on conflict do nothing",
  );
  await sql.query(
    "insert into cluster (name, pod) values ('default', 'default') on conflict do nothing",
  );
}
