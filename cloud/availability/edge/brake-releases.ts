/**
 * A person's word that so many silent hosts are dead and not cut off.
 *
 * It is written into the timeline of every host that it exposes: whoever asks later why a host was fenced
 * in the middle of a network outage finds who let it happen there.
 */
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";

interface Who {
  readonly at: Instant;
  readonly actor: string;
  readonly requestId: string;
}

/** `domain` is `pod NAME` or `zone NAME`. Rejects with `failure_domain_not_found`. */
export async function releaseBrake(
  database: Database,
  domain: string,
  until: Instant,
  who: Who,
): Promise<void> {
  await database.transaction(async (sql) => {
    const silent = await silentHostsOf(sql, domain);
    await sql.query(
      `insert into fence_release (domain, until, released_by) values ($1, $2, $3)
       on conflict (domain) do update set until = excluded.until, released_by = excluded.released_by`,
      [domain, new Date(until), who.actor],
    );
    await appendJournal(
      sql,
      silent.map((subject) => ({
        ...who,
        kind: "host" as const,
        subject,
        event: "brakeReleased",
        detail: { domain, until },
      })),
    );
  });
}

async function silentHostsOf(sql: Sql, domain: string): Promise<readonly string[]> {
  const [kind, name] = domain.split(" ");
  const isPod = kind === "pod";
  const [found] = await sql.query(`select from ${isPod ? "pod" : "zone"} where name = $1`, [name]);
  if (!found) throw noDomain(domain);
  const rows = await sql.query<{ id: string }>(
    `select h.id from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
     where h.state = 'suspect' and ${isPod ? "p.name" : "p.zone"} = $1`,
    [name],
  );
  return rows.map(({ id }) => id);
}

const noDomain = (domain: string) =>
  problem("not_found", "failure_domain_not_found", `There is no ${domain}.`, {
    fix: "See them: holdfast hosts shows the place of each host as zone/pod/cluster.",
  });
