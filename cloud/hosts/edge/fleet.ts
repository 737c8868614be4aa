/** Hosts as rows: what an agent says of its machine when it connects, and what people ask to see. */
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Clock } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import type { HostView } from "../api.ts";
import { type HostState, hostLifecycle } from "../core/lifecycle.ts";
import type { Hello } from "./hub.ts";

/**
 * An agent is here. Takes down what its machine has; a host that was proven dead is taken back under a
 * new epoch, so that whatever it says of its former life is only evidence.
 */
export async function admit(
  { database, clock, self }: { database: Database; clock: Clock; self: string },
  host: HostId,
  hello: Hello,
): Promise<{ name: string; epoch: number }> {
  return database.transaction(async (sql) => {
    const [before] = await sql.query<{ state: HostState; bootId: string | null }>(
      `select state, boot_id as "bootId" from host where id = $1 for update`,
      [host],
    );
    if (!before) throw problem("not_found", "host_not_found", "This certificate is of no host.");
    const isBack = before.state === "down";
    const [row] = await sql.query<{ name: string; epoch: number }>(
      `update host set boot_id = $2, cpus = $3, memory_mib = $4, facts = $5,
         epoch = epoch + $6, state = $7 where id = $1 returning name, epoch`,
      [
        host,
        hello.bootId,
        hello.cpus,
        hello.memoryMiB,
        JSON.stringify(hello.facts),
        isBack ? 1 : 0,
        isBack ? hostLifecycle.next("down", "admitted") : before.state,
      ],
    );
    if (!row) throw new Error("a locked row is gone");
    const hasRebooted = before.bootId !== null && before.bootId !== hello.bootId;
    if (isBack || hasRebooted || before.bootId === null)
      await appendJournal(sql, [
        {
          at: clock.now(),
          kind: "host",
          subject: host,
          event: isBack ? "admitted" : hasRebooted ? "rebooted" : "firstHeard",
          actor: "holdfast",
          detail: { bootId: hello.bootId, before: before.bootId, epoch: row.epoch },
        },
      ]);
    await announce(sql, { from: self, hosts: [host] });
    return row;
  });
}

const columns = `h.id, h.name, p.zone, c.pod, h.cluster, h.state, h.mode, h.epoch, h.tags, h.concerns, h.cpus,
  h.memory_mib as "memoryMiB", h.reserved_cpus as "reservedCpus", h.reserved_memory_mib as "reservedMemoryMiB",
  (select count(*)::int from instance i where i.home = h.id) as instances,
  h.facts->'acceleration' as acceleration, h.facts->>'hypervisor' as hypervisor, l.renewed_at as "heardAt"`;

export type HostRow = Omit<HostView, "isConnected" | "hasGuard">;

export function listHostRows(sql: Sql): Promise<readonly HostRow[]> {
  return sql.query<HostRow>(
    `select ${columns} from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
     left join host_lease l on l.host_id = h.id order by h.name`,
  );
}

/** By name or id. Rejects with `host_not_found`. */
export async function findHostRow(sql: Sql, nameOrId: string): Promise<HostRow> {
  const [row] = await sql.query<HostRow>(
    `select ${columns} from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
     left join host_lease l on l.host_id = h.id where h.name = $1 or h.id::text = $1`,
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
