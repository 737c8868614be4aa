/**
 * Which hosts are heard, and which have fallen silent.
 *
 * All times here are PostgreSQL's, so managers with different clocks agree. Renewals of all hosts go in
 * one statement, and only then is any of them answered: a host believes in its lease only when it is in
 * the database. Silence makes a host suspect and nothing more.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import type { Clock, Duration, Instant, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { type HostState, hostLifecycle } from "../core/lifecycle.ts";

export interface LeaseDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly self: string;
  readonly lease: () => Duration;
  /** The state of these hosts has changed. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface Leases {
  /** Resolves once the renewal is in the database. */
  renew(host: HostId): Promise<void>;
  /** Look for hosts that have fallen silent. Call about once a second. */
  watch(): Promise<void>;
}

/** How much the wall clock may differ from the steady one between two looks before it counts as a jump. */
const jump = 1_000;
/** After a start, a jump or an outage of the database: the lease, and two seconds for every agent to find its way back. */
const settling = 2_000;

export function hostLeases(deps: LeaseDeps): Leases {
  const { database, clock, ticks, self, lease, onChanged, onError } = deps;
  let waiting: { host: HostId; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let isFlushing = false;
  let graceUntil = ticks() + lease() + settling;
  let last = { wall: clock.now(), steady: ticks() };

  return {
    renew: (host) =>
      new Promise((resolve, reject) => {
        waiting.push({ host, resolve, reject });
        if (!isFlushing) void flush();
      }),
    async watch() {
      noticeJump();
      if (ticks() < graceUntil) return;
      const silent = await findSilent().catch((error: unknown) => {
        forgiveAfter(error);
        throw error;
      });
      if (silent.length > 0) onChanged(silent);
    },
  };

  /** A database that was away has heard nobody. That is not their silence. */
  function forgiveAfter(error: unknown): void {
    if (error instanceof Problem && error.code === "database_unavailable") forgive();
  }

  function forgive(): void {
    graceUntil = ticks() + lease() + settling;
  }

  function findSilent(): Promise<readonly HostId[]> {
    return database.transaction(async (sql) => {
      const rows = await sql.query<{ id: HostId }>(
        `update host h set state = $2 from host_lease l
           where l.host_id = h.id and h.state = 'up' and l.renewed_at < now() - $1 * interval '1 millisecond'
           returning h.id`,
        [lease(), hostLifecycle.next("up", "leaseExpired")],
      );
      if (rows.length === 0) return [];
      const hosts = rows.map(({ id }) => id);
      await appendJournal(sql, hosts.map(changeOf(clock.now(), "leaseExpired", "up", "suspect")));
      await announce(sql, { from: self, hosts });
      return hosts;
    });
  }

  async function flush(): Promise<void> {
    isFlushing = true;
    await new Promise((resolve) => setImmediate(resolve)); // Whatever else is arriving comes along.
    const batch = waiting;
    waiting = [];
    try {
      const hosts = [...new Set(batch.map(({ host }) => host))].sort();
      const back = await record(hosts);
      for (const { resolve } of batch) resolve();
      if (back.length > 0) onChanged(back);
    } catch (error) {
      for (const { reject } of batch) reject(error);
      forgiveAfter(error);
      onError(error);
    }
    isFlushing = false;
    if (waiting.length > 0) void flush();
  }

  /** Returns the hosts that were suspect and have now been heard. */
  async function record(hosts: readonly HostId[]): Promise<readonly HostId[]> {
    const [row] = await database.query<{ suspects: string }>(
      `with beats as (
         insert into host_lease (host_id, renewed_at, manager) select unnest($1::uuid[]), now(), $2
         on conflict (host_id) do update set renewed_at = now(), manager = excluded.manager
         returning host_id)
       select coalesce(json_agg(h.id), '[]')::text as suspects
       from host h join beats b on b.host_id = h.id where h.state = 'suspect'`,
      [hosts, self],
    );
    const suspects = JSON.parse(row?.suspects ?? "[]") as HostId[]; // json_agg of a uuid column.
    if (suspects.length === 0) return [];
    return database.transaction(async (sql) => {
      const back = await sql.query<{ id: HostId }>(
        "update host set state = $2 where id = any($1) and state = 'suspect' returning id",
        [suspects, hostLifecycle.next("suspect", "heard")],
      );
      const ids = back.map(({ id }) => id);
      await appendJournal(sql, ids.map(changeOf(clock.now(), "heard", "suspect", "up")));
      await announce(sql, { from: self, hosts: ids });
      return ids;
    });
  }

  /** After a jump of the wall clock every lease may look old. Nobody is called silent because of that. */
  function noticeJump(): void {
    const now = { wall: clock.now(), steady: ticks() };
    const drift = Math.abs(now.wall - last.wall - (now.steady - last.steady));
    if (drift > jump) forgive();
    last = now;
  }
}

const changeOf =
  (at: Instant, event: string, from: HostState, to: HostState) =>
  (host: HostId): JournalRow => ({
    at,
    kind: "host",
    subject: host,
    event,
    from,
    to,
    actor: "holdfast",
  });
