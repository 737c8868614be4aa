/**
 * What must hold at every moment between what is in the database and what is, which no part of the platform can see;
 * and what must hold when all is calm again.
 */
import type { Sql } from "@holdfast/store/database";
import type { JournalEntry } from "@holdfast/store/journal";
import { foldJournal } from "../../test/fold-journal.ts";
import type { World } from "./world.ts";

/** The lease, the watchdog and a second: before that it may not have fired. Production's settings; milliseconds. */
const watchdogBound = 16_000;

/** The tables that what must never be is seen in. */
const watched = new Set(["instance", "host", "migration", "attachment", "fence_certificate"]);
export const isWatched = (tables: readonly string[]) => tables.some((table) => watched.has(table));

/** What must never be true for a moment. Cheap enough for every commit. */
export function newWatch(world: World): () => Promise<void> {
  const { sql, story, judge } = world;
  const certificates = new Set<string>();
  let seen = 0;
  return async () => {
    for (const { what } of await sql.query<{ what: string }>(atEveryCommit)) story.accuse(what);
    const version = world.server.memo.versionOf("fence_certificate");
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

const transitional = "('provisioning', 'starting', 'stopping', 'migrating', 'lost', 'expunging')";

/** One statement sees one moment. */
const atEveryCommit = `
  select name || ' (' || state || ') is on its way and has no operation with a deadline' as what from instance
    where state in ${transitional} and op->>'deadline' is null
  union all select name || ' (' || state || ') is on its way and never looked at again' from instance
    where state in ${transitional} and look_at is null
  union all select name || ' should run, and nobody will look at it again' from instance
    where state = 'stopped' and desired = 'running' and look_at is null
  union all select 'the room that is taken on ' || h.name || ' is not what its instances need'
    from host h left join (
      select home as host, cpus, memory_mib from instance where home is not null
      union all select g.to_host, i.cpus, i.memory_mib from migration g
        join instance i on i.id = g.instance_id where g.state in ('preparing', 'copying')) t on t.host = h.id
    group by h.id having h.reserved_cpus <> coalesce(sum(t.cpus), 0)
      or h.reserved_memory_mib <> coalesce(sum(t.memory_mib), 0)
  union all select h.name || ' is down without a certificate' from host h where state = 'down'
    and not exists (select from fence_certificate f where f.host_id = h.id and f.epoch = h.epoch)
  union all select v.name || ' is a disk of two instances' from attachment a join volume v on v.id = a.volume_id
    group by v.id, v.name having count(distinct a.instance_id) > 1
  order by 1`;

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

/** What is not as it should be, where nothing is broken and nobody wants anything any more. Empty: all is calm. */
export async function unrest(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.query<{ what: string }>(
    `select 'host ' || name || ' is ' || state as what from host where state <> 'up'
     union all select 'instance ' || name || ' is ' || state || ' and should be ' || desired from instance
       where state in ${transitional} or (state = 'stopped' and desired = 'running')
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

/** Whether every journal adds up to what its instance is. */
export async function checkJournals(world: World): Promise<void> {
  const rows = await world.sql.query<{
    name: string;
    state: string;
    desired: string;
    generation: number;
    journal: JournalEntry[] | null;
    unproven: number;
  }>(
    `select i.name, i.state, i.desired, i.generation,
       (select json_agg(json_build_object('seq', j.seq, 'event', j.event, 'from', j.from_state,
           'to', j.to_state, 'generation', j.generation) order by j.seq)
        from journal j where j.subject = i.id) as journal,
       (select count(*)::int from journal j
          join incarnation c on c.instance_id = i.id and c.generation = j.generation
        where j.subject = i.id and j.event in ('fenceProven', 'operatorAttested')
          and not exists (select from fence_certificate f where f.host_id = c.host_id)) as unproven
     from instance i order by i.id`,
  );
  for (const row of rows) {
    const { state, desired, generation, gaps } = foldJournal(row.journal ?? []);
    const [is, was] = [
      `${row.state} ${row.desired} ${row.generation}`,
      `${state} ${desired} ${generation}`,
    ];
    if (is !== was) world.story.accuse(`${row.name} is ${is}, and its journal says ${was}`);
    for (const gap of gaps) world.story.accuse(`the journal of ${row.name} has a gap: ${gap}`);
    if (row.unproven > 0) world.story.accuse(`${row.name} was given up without a certificate`);
  }
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
