/**
 * What must hold at every moment between what is in the database and what is, which no part of the platform can see;
 * and what must hold when all is calm again.
 */
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import { type Instant, seconds } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { Keep } from "./keep.ts";
import type { World } from "./world.ts";

/** The lease, the watchdog and a second: before that it may not have fired. Production's settings; milliseconds. */
const watchdogBound = 16_000;

/**
 * What no commit has touched is walked through, as a manager does it: one thing of each kind for each look. All of these
 * together are found as cheaply as one.
 */
const walkEvery = 4;

/** What is due is late when somebody could have acted for so long. */
const late = seconds(10);

/** The tables that what must never be is seen in. */
const watched = new Set([
  "instance",
  "host",
  "job",
  "volume",
  "network",
  "migration",
  "attachment",
]);
export const isWatched = (tables: readonly string[]) =>
  tables.some((table) => watched.has(table) || table === "fence_certificate");

/**
 * What must never be true for a moment: the rules that a manager goes by, after every commit that could break one,
 * and whether a certificate speaks the truth. `everything`: what no commit has touched as well.
 */
export function newWatch(
  { sql, story, judge, server }: World,
  awakeSince: () => Instant | undefined,
): (everything?: boolean) => Promise<void> {
  const now = () => Date.now() as Instant; // The time of the world is that of its databases.
  const only = { query: sql.query, last() {} }; // It only reads: there is nothing to commit.
  const monitor = openMonitor({ transaction: (work) => work(only) }, { now, awakeSince, late });
  const certificates = new Set<string>();
  let seen = 0;
  let looks = 0;
  return async (everything = false) => {
    const walk = looks++ % walkEvery === 0 ? walkEvery : 0;
    const { violations } = await monitor.survey({ sql, everything, walk });
    for (const { rule, name, says } of violations) story.accuse(`${rule}: ${name}: ${says}`);
    const version = server.memo.versionOf("fence_certificate");
    if (version === seen) return;
    seen = version;
    for (const row of await readCertificates(sql)) {
      if (certificates.has(row.id)) continue;
      certificates.add(row.id);
      const silentFor = Date.now() - row.silentSince;
      story.tell("certificate", `${row.host} is proven dead by ${row.proof}`);
      if (row.evidence === 0 || row.signature === "")
        story.accuse(`a certificate of ${row.host} has no evidence`);
      if (row.proof === "watchdog" && silentFor < watchdogBound)
        story.accuse(`${row.host} was proven dead by its watchdog after ${silentFor} ms`);
      if (row.proof === "attested") continue; // That is the word of a person, who may be wrong.
      for (const machine of judge.worldOf(row.host).machines.values()) {
        const { spec, at, exit } = machine;
        const counts = spec.isFenceable || row.covers === "everything";
        if (!exit && at < row.silentSince && counts)
          story.accuse(
            `${row.host} was proven dead by ${row.proof} while ${spec.name} g${spec.generation} could write there`,
          );
      }
    }
  };
}

/**
 * Since when somebody has been there who can act on what is due, as far as `look` has seen. It counts anew when a manager
 * falls silent: PostgreSQL keeps what that one has locked for a few seconds, and then what it waited for, for as many.
 * One that is far from its database holds what it has locked for as long as it is.
 */
export function newVigil({ server, managers }: World) {
  let since: Instant | undefined;
  let atWork = new Set<Keep>();
  return {
    since: () => since,
    couldAct: () => since !== undefined && Date.now() - since >= late,
    look(): void {
      const now = new Set(managers.filter((manager) => manager.isAtWork()));
      const isFar = [...now].some((manager) => !manager.isNear());
      const isFewer = [...atWork].some((manager) => !now.has(manager));
      atWork = now;
      if (!server.isUp || now.size === 0) since = undefined;
      else if (isFewer || isFar || since === undefined) since = Date.now() as Instant; // As its databases have it.
    },
  };
}

const transitional = "('provisioning', 'starting', 'stopping', 'migrating', 'lost', 'expunging')";

const readCertificates = (sql: Sql) =>
  sql.query<{
    id: string;
    host: string;
    proof: string;
    covers: string;
    silentSince: number;
    evidence: number;
    signature: string;
  }>(
    `select f.id, h.name as host, f.proof, f.covers, f.silent_since as "silentSince", f.signature,
       (select count(*)::int from jsonb_object_keys(f.evidence)) as evidence
     from fence_certificate f join host h on h.id = f.host_id order by f.id`,
  );

/** More that are to be apart from each other than there are hosts: it waits until somebody takes one away. */
const isOneTooMany = `(cause->>'class' = 'insufficient-capacity' and (select count(*) from host) < (
  select count(*) from instance o where o.anti_affinity_group = instance.anti_affinity_group and o.desired = 'running'))`;

/** What is not as it should be, where nothing is broken and nobody wants anything any more. Empty: all is calm. */
export async function unrest(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.query<{ what: string }>(
    `select 'host ' || name || ' is ' || state as what from host where state <> 'up'
     union all select 'instance ' || name || ' is ' || state || ' and should be ' || desired from instance
       where state in ${transitional} or (state = 'stopped' and desired = 'running' and not ${isOneTooMany})
         or (state = 'running' and desired <> 'running')
     union all select 'job ' || kind || ' runs' from job where state = 'running'
     union all select 'a migration is ' || state from migration where state in ('preparing', 'copying', 'switched')
     union all select 'volume ' || coalesce(name, '') || ' is ' || state from volume v where state = 'expunging'
       or (state = 'creating' and exists (select from attachment a join instance i on i.id = a.instance_id
         where a.volume_id = v.id and i.state not in ('stopped', 'failed', 'destroyed')))
     union all select 'a task to ' || "do" || ' waits' from storage_task where "do" <> 'check'
     union all select 'maintenance is ' || state from maintenance where state <> 'ended'
     order by 1`,
  );
  return rows.map(({ what }) => what);
}

/** What is left of a cloud in which everything was expunged. */
export async function leftovers({ sql, judge, sites, pool }: World): Promise<readonly string[]> {
  const rows = await sql.query<{ what: string }>(
    `select 'instance ' || name || ' is ' || state as what from instance where state <> 'expunged'
     union all select 'volume ' || coalesce(name, id::text) || ' is ' || state from volume where state <> 'expunged'
     union all select 'room is taken on ' || name from host where reserved_cpus <> 0 or reserved_memory_mib <> 0
     union all select 'an address of a guest is left' from nic n
       join instance i on i.id = n.instance_id where i.state = 'expunged'
     order by 1`,
  );
  const local = sites.flatMap(({ station }) =>
    [...(station.pools.get("local")?.volumes.keys() ?? [])].map(
      (volume) => `${station.name} has the volume ${volume}`,
    ),
  );
  return [
    ...rows.map(({ what }) => what),
    ...judge.left().map((machine) => `a trace of ${machine}`),
    ...[...pool.volumes.keys()].map((volume) => `the shared pool has the volume ${volume}`),
    ...local,
  ];
}
