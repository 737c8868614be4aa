/**
 * Writes down which hosts fall silent too often, and takes it back when they have been steady.
 *
 * Counted from the journal when a silence is written, and not when it is read: placement keeps hosts in
 * memory and looks again only when told. So the end has to be noticed too, by `settleFlaps`.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId } from "@holdfast/kernel/ids";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { type FlapLimits, flapping } from "../core/flaps.ts";

/** Call in the transaction that has written that these hosts fell silent. */
export async function noteFlaps(
  sql: Sql,
  hosts: readonly HostId[],
  limits: FlapLimits,
  now: Instant,
): Promise<void> {
  const rows = await sql.query<{ host: HostId; at: Instant; isSilence: boolean }>(
    `select subject as host, at, event = 'leaseExpired' as "isSilence" from journal
     where subject = any($1) and at > $2
       and (event = 'leaseExpired' or event = 'changed' and detail->>'mode' = 'enabled')`,
    [hosts, new Date(now - limits.window)],
  );
  const found = [...grouped(rows, ({ host }) => host)].flatMap(([host, own]) => {
    const enabled = own.filter(({ isSilence }) => !isSilence).map(({ at }) => at);
    const silences = own.filter(({ isSilence }) => isSilence).map(({ at }) => at);
    const enabledAt = enabled.toSorted((a, b) => b - a)[0];
    const flaps = flapping(silences, enabledAt, limits, now);
    return flaps ? [{ host, ...flaps }] : [];
  });
  if (found.length === 0) return;
  // Their rows are locked already, by whoever has written that they fell silent.
  await sql.query(
    `update host h set flap_concern = d.says, flap_until = d.until
     from unnest($1::uuid[], $2::text[], $3::timestamptz[]) d (id, says, until) where h.id = d.id`,
    [
      found.map(({ host }) => host),
      found.map(({ says }) => says),
      found.map(({ until }) => iso(until)),
    ],
  );
  await appendJournal(
    sql,
    found.map(({ host, says, until }) => noteOf(host, now, { flapping: says, until })),
  );
}

/** Takes back what is over. Returns the hosts that it was about. Cheap when nothing is: call it as often as you like. */
export async function settleFlaps(
  database: Database,
  self: string,
  now: Instant,
): Promise<readonly HostId[]> {
  const isOver = "flap_until is not null and flap_until <= $1";
  const due = await database.query(`select from host where ${isOver} limit 1`, [new Date(now)]);
  if (due.length === 0) return [];
  return database.transaction(async (sql) => {
    const rows = await sql.query<{ id: HostId }>(
      `update host h set flap_concern = null, flap_until = null
       from (select id from host where ${isOver} order by id for update) due
       where h.id = due.id returning h.id`,
      [new Date(now)],
    );
    const hosts = rows.map(({ id }) => id);
    await appendJournal(
      sql,
      hosts.map((host) => noteOf(host, now, { flapping: null })),
    );
    if (hosts.length > 0) await announce(sql, { from: self, hosts });
    return hosts;
  });
}

const noteOf = (host: HostId, at: Instant, detail: object): JournalRow => ({
  at,
  kind: "host",
  subject: host,
  event: "concernsChanged",
  actor: "holdfast",
  detail,
});
