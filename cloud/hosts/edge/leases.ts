/**
 * Which hosts are heard, and which have fallen silent.
 *
 * All times here are PostgreSQL's, so managers with different clocks agree. Renewals of all hosts go in
 * one statement, and only then is any of them answered: a host believes in its lease only when it is in
 * the database. Silence makes a host suspect and nothing more.
 *
 * A lease is for one epoch, and for one boot in it. Whoever fences a host voids its lease in the same transaction, so a renewal
 * that arrives a moment later changes nothing and is refused, whatever its manager believed.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Clock, Duration, Instant, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import type { FlapLimits } from "../core/flaps.ts";
import { type HostState, hostLifecycle } from "../core/lifecycle.ts";
import type { GuardReport } from "../core/link.ts";
import { noteFlaps, settleFlaps } from "./flaps.ts";
import { lookAtGuests } from "./guests.ts";

export interface LeaseDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly ticks: Ticks;
  readonly self: string;
  readonly lease: () => Duration;
  /** How often a host may fall silent before it is better avoided. */
  readonly flaps: () => FlapLimits;
  /** The state of these hosts has changed. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown) => void;
}

/** A host that was heard. */
export interface Renewal {
  readonly host: HostId;
  readonly epoch: number;
  /** The boot that asks. Undefined: its connection vouches for it, which began with a hello of that boot. */
  readonly bootId?: string;
  /** Undefined: nothing was said of it. */
  readonly guard: GuardReport | null | undefined;
  /** After this time without another renewal its guard or its watchdog has ended what it may not run. */
  readonly endsWithin: Duration;
}

export interface Leases {
  /** Resolves once the renewal is in the database; rejects with `lease_void` if the host was fenced or has booted since. */
  renew(renewal: Renewal): Promise<void>;
  /** Look for hosts that have fallen silent. Call about once a second. */
  watch(): Promise<void>;
  /** Nobody is called silent or dead before then: a start, a jump of the clock or an outage is not their silence. */
  isSettling(): boolean;
  /** When the clock of the platform last jumped, as far as this manager saw. */
  steadySince(): Instant | undefined;
}

/** How much the wall clock may differ from the steady one between two looks before it counts as a jump. */
const jump = 1_000;
/** After a start, a jump or an outage of the database: the lease, and two seconds for every agent to find its way back. */
const settling = 2_000;
/** Between one statement and the next: of a big fleet's renewals many go into each. Of a small one's the first goes at once. */
const gathering = 100;
/** Silent hosts whose guests are called lost in one transaction. */
const silentAtOnce = 50;
/** Stamps further apart than this have a gap between them: three times their interval. */
const stampGap = 3_000;

export function hostLeases(deps: LeaseDeps): Leases {
  const { database, clock, ticks, self, lease, flaps, onChanged, onError } = deps;
  let waiting: { renewal: Renewal; resolve: () => void; reject: (error: unknown) => void }[] = [];
  let isFlushing = false;
  let lastFlush = Number.NEGATIVE_INFINITY;
  let graceUntil = ticks() + lease() + settling;
  let last = { wall: clock.now(), steady: ticks() };
  let steadySince: Instant | undefined;
  let isSound = false;

  return {
    renew: (renewal) =>
      new Promise((resolve, reject) => {
        waiting.push({ renewal, resolve, reject });
        if (!isFlushing) void flush();
      }),
    async watch() {
      noticeJump();
      await look().catch((error: unknown) => {
        forgiveAfter(error);
        throw error;
      });
      const steady = await settleFlaps(database, self, clock.now());
      if (steady.length > 0) onChanged(steady);
    },
    isSettling: () => ticks() < graceUntil,
    steadySince: () => steadySince,
  };

  async function look(): Promise<void> {
    if (!isSound) await bringBack();
    // While it is away nobody may be there who asks for anything: the grace counts from when it is back.
    if (ticks() < graceUntil) await database.query("select");
    else await findSilent();
  }

  /** A database that was away has heard nobody. That is not their silence. */
  function forgiveAfter(error: unknown): void {
    if (error instanceof Problem && error.code === "database_unavailable") forgive();
  }

  function forgive(): void {
    graceUntil = ticks() + lease() + settling;
  }

  /**
   * A rack, or the whole fleet: some at a time, so that nobody waits for the guests of all of them, and the guests of
   * the first not for the last to be called silent.
   */
  async function findSilent(): Promise<void> {
    // Found once: with a limit the fleet would be read from its beginning for each of those times.
    const silent = await database.query<{ id: HostId }>(
      `select h.id from host h join host_lease l on l.host_id = h.id where ${isSilent} order by h.id`,
      [silentBefore()],
    );
    for (let from = 0; from < silent.length; from += silentAtOnce) {
      const taken = await takeSilent(silent.slice(from, from + silentAtOnce).map(({ id }) => id));
      if (taken.length > 0) onChanged(taken);
    }
  }

  /** The clock and not now(): had that jumped just now, all would be silent, and nobody has seen it yet. */
  function silentBefore(): Date {
    return new Date(clock.now() - lease());
  }

  /** Whoever of these is still not heard. */
  function takeSilent(ids: readonly HostId[]): Promise<readonly HostId[]> {
    return database.transaction(async (sql) => {
      await lookAtGuests(sql, ids);
      // A host that is just being welcomed is waited for here: an update that waited would go by its lease of before.
      await sql.query("select from host where id = any($1) order by id for update", [ids]);
      const rows = await sql.query<{ id: HostId }>(
        `update host h set state = $2 from host_lease l
           where l.host_id = h.id and h.id = any($3) and ${isSilent} returning h.id`,
        [silentBefore(), hostLifecycle.next("up", "leaseExpired"), ids],
      );
      const hosts = rows.map(({ id }) => id);
      const now = clock.now();
      await appendJournal(sql, hosts.map(changeOf(now, "leaseExpired", "up", "suspect")));
      await noteFlaps(sql, hosts, flaps(), now);
      await announce(sql, { from: self, hosts, instances: [] });
      return hosts;
    });
  }

  async function flush(): Promise<void> {
    isFlushing = true;
    const early = gathering - (ticks() - lastFlush);
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    else await new Promise((resolve) => setImmediate(resolve)); // Whatever else is arriving comes along.
    lastFlush = ticks();
    const batch = waiting;
    waiting = [];
    try {
      const renewed = await record(batch.map(({ renewal }) => renewal));
      // Each for itself: that its host was renewed says nothing to who asked for another epoch or boot of it.
      for (const { renewal, resolve, reject } of batch)
        if (isFor(renewed.get(renewal.host), renewal)) resolve();
        else reject(leaseVoid());
      const suspects = [...renewed.values()].filter(({ state }) => state === "suspect");
      if (suspects.length > 0) await welcomeBack(suspects.map(({ id }) => id));
    } catch (error) {
      for (const { reject } of batch) reject(error);
      forgiveAfter(error);
      onError(error);
    }
    isFlushing = false;
    if (waiting.length > 0) void flush();
  }

  /** Returns the hosts whose leases were renewed. Of several renewals that are right, the last one counts. */
  async function record(renewals: readonly Renewal[]): Promise<ReadonlyMap<HostId, Renewed>> {
    const rows = await database.query<Renewed>(
      `update host_lease l set renewed_at = now(), manager = $2,
         ends_by = greatest(l.ends_by, now() + d.ends_within * interval '1 millisecond'),
         watchdog = case when d.told then d.watchdog else l.watchdog end,
         stamping_since = case when h.pools = '{}' or not h.pools <@ d.stamped then null
           when l.stamping_since is not null and l.renewed_at > now() - $3 * interval '1 millisecond'
           then l.stamping_since else now() end
       from (select distinct on (r.host) r.* from json_to_recordset($1::json)
               as r (at int, host uuid, epoch int, boot text, told bool, watchdog text, stamped text[],
                     ends_within float8)
               join host_lease k on k.host_id = r.host and k.epoch = r.epoch
               join host b on b.id = r.host and (r.boot is null or r.boot = b.boot_id)
             order by r.host, r.at desc) d, host h
       where l.host_id = d.host and l.epoch = d.epoch and h.id = l.host_id
         and (d.boot is null or d.boot = h.boot_id)
       returning h.id, h.state, l.epoch, h.boot_id as "bootId"`,
      [JSON.stringify(renewals.map(rowOf)), self, stampGap],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  async function welcomeBack(suspects: readonly HostId[]): Promise<void> {
    const back = await database.transaction(async (sql) => {
      await lookAtGuests(sql, suspects);
      const rows = await sql.query<{ id: HostId }>(
        "update host set state = $2 where id = any($1) and state = 'suspect' returning id",
        [suspects, hostLifecycle.next("suspect", "heard")],
      );
      const ids = rows.map(({ id }) => id);
      await appendJournal(sql, ids.map(changeOf(clock.now(), "heard", "suspect", "up")));
      await announce(sql, { from: self, hosts: ids, instances: [] });
      return ids;
    });
    if (back.length > 0) onChanged(back);
  }

  /** After a jump of the wall clock every lease may look old. Nobody is called silent because of that. */
  function noticeJump(): void {
    const now = { wall: clock.now(), steady: ticks() };
    const drift = Math.abs(now.wall - last.wall - (now.steady - last.steady));
    last = now;
    if (drift <= jump) return;
    forgive();
    steadySince = now.wall;
    isSound = false;
  }

  /** What lies in the future was written before the clock was set back, and would be true for that much too long. */
  async function bringBack(): Promise<void> {
    await database.query(
      `update host_lease set renewed_at = now(), ends_by = ends_by - (renewed_at - now()),
         stamping_since = least(stamping_since, now())
       where renewed_at > now() + $1 * interval '1 millisecond'`,
      [jump],
    );
    isSound = true;
  }
}

const isSilent = "h.state = 'up' and l.renewed_at < $1";

/** A host whose lease was renewed: for which epoch and boot, and what it was taken for until then. */
interface Renewed {
  readonly id: HostId;
  readonly state: HostState;
  readonly epoch: number;
  readonly bootId: string | null;
}

const isFor = (renewed: Renewed | undefined, { epoch, bootId }: Renewal) =>
  renewed?.epoch === epoch && (bootId === undefined || renewed.bootId === bootId);

const rowOf = ({ host, epoch, bootId, guard, endsWithin }: Renewal, at: number) => ({
  at,
  host,
  epoch,
  boot: bootId ?? null,
  told: guard !== undefined,
  watchdog: guard?.watchdog.isArmed ? watchdogOf(guard) : null,
  stamped: guard?.stamped ?? [],
  ends_within: endsWithin,
});

const watchdogOf = ({ watchdog: { kind } }: GuardReport) => (kind === "none" ? null : kind);

const leaseVoid = () =>
  problem("conflict", "lease_void", "This host was fenced: what it may run is decided anew.", {
    fix: "Nothing: its agent connects again and is taken back under a new epoch.",
  });

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
