/**
 * What the rules need to see, read in one query for each kind.
 *
 * Everything of one look has to be of one moment: call these in one transaction that is `repeatable read`. They
 * lock nothing and are in nobody's way.
 */
import { definitions } from "@holdfast/cloud/settings";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type {
  HostSight,
  InstanceSight,
  JobSight,
  NetworkSight,
  VolumeSight,
  WorkSight,
} from "../core/model.ts";

/** JSON has no moments: milliseconds. */
const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;
const list = (select: string) => `coalesce((select json_agg(${select}), '[]')`;

const lines = (subject: string, kind: "instance" | "host") =>
  list(`json_build_object('seq', j.seq, 'at', ${ms("j.at")}, 'event', j.event, 'from', j.from_state,
    'to', j.to_state, 'generation', j.generation, 'cause', j.detail->>'class') order by j.seq)
    from journal j where j.subject = ${subject} and j.kind = '${kind}' and j.from_state is not null`);

const open = "('preparing', 'copying')";

export async function readInstances(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly InstanceSight[]> {
  if (ids.length === 0) return [];
  return sql.query<InstanceSight>(
    `select i.id, i.name, i.state, i.desired, i.op, i.generation, i.last_generation as "lastGeneration",
       i.version, i.home, (select h.state from host h where h.id = i.home) as "homeState", i.look_at as "lookAt",
       (select d.at from due d where d.instance_id = i.id) as "dueAt", i.cause->>'class' as cause, i.destroyed_at as "destroyedAt",
       case when i.job_id is not null then json_build_object('id', i.job_id, 'state', b.state,
         'isTarget', coalesce(i.id = any(b.targets), false)) end as job,
       (select e.does from errand e where e.instance_id = i.id and e.generation = i.generation) as errand,
       json_build_object('state', v.state, 'host', v.host_id, 'pool', v.pool) as volume,
       ${list("n.slot order by n.slot) from nic n where n.instance_id = i.id")} as nics,
       ${list("d.state) from attachment a join volume d on d.id = a.volume_id where a.instance_id = i.id")} as disks,
       (select count(*)::int from attachment a where a.instance_id = i.id and a.leaving is not null) as leaving,
       ${list(`json_build_object('generation', c.generation, 'host', c.host_id, 'epoch', c.host_epoch,
           'phase', c.phase, 'how', c.ending->>'how', 'provenAt', ${ms("f.proven_at")},
           'hasDeath', exists (select from death d where d.instance_id = i.id and d.generation = c.generation))
           order by c.generation)
         from incarnation c left join fence_certificate f on f.host_id = c.host_id and f.epoch = c.host_epoch
           and (f.covers = 'everything' or v.pool <> 'local')
         where c.instance_id = i.id`)} as incarnations,
       ${list(`json_build_object('id', g.id, 'state', g.state, 'from', g.from_host,
           'fromGeneration', g.from_generation, 'to', g.to_host, 'toGeneration', g.to_generation,
           'endedAt', ${ms("g.ended_at")}, 'leftover', g.leftover_host) order by g.started_at)
         from migration g where g.instance_id = i.id`)} as moves,
       ${lines("i.id", "instance")} as journal
     from instance i join volume v on v.id = i.volume_id left join job b on b.id = i.job_id
     where i.id = any($1) order by i.id`,
    [ids],
  );
}

type Bound = "hosts.lease" | "hosts.kill_budget" | "hosts.watchdog";

export async function readHosts(sql: Sql, ids: readonly string[]): Promise<readonly HostSight[]> {
  if (ids.length === 0) return [];
  const [settings, hosts] = await Promise.all([
    sql.query<{ name: Bound; value: number; at: Instant }>(
      "select name, value, changed_at as at from setting where name = any($1)",
      [["hosts.lease", "hosts.kill_budget", "hosts.watchdog"]],
    ),
    sql.query<HostSight>(
      `select h.id, h.name, h.state, h.mode, h.epoch, l.epoch as "leaseEpoch",
         h.reserved_cpus as "reservedCpus", h.reserved_memory_mib as "reservedMemoryMiB",
         (select json_build_object('cpus', coalesce(sum(n.cpus), 0), 'memoryMiB', coalesce(sum(n.memory_mib), 0))
          from (select cpus, memory_mib from instance where home = h.id
            union all select i.cpus, i.memory_mib from migration g join instance i on i.id = g.instance_id
              where g.to_host = h.id and g.state in ${open}) n) as needed,
         ${list(`json_build_object('id', f.id, 'epoch', f.epoch, 'proof', f.proof, 'covers', f.covers,
             'silentSince', ${ms("f.silent_since")}, 'provenAt', ${ms("f.proven_at")},
             'isSigned', f.signature <> '',
             'evidence', (select count(*) from jsonb_object_keys(f.evidence)),
             'boundSeconds', case when f.proof = 'watchdog' then (f.evidence->>'boundSeconds')::float8 end,
             'power', f.evidence->>'power',
             'boots', json_build_array(f.evidence->>'before', f.evidence->>'now')) order by f.epoch)
           from fence_certificate f where f.host_id = h.id`)} as certificates,
         ${lines("h.id", "host")} as journal
       from host h left join host_lease l on l.host_id = h.id where h.id = any($1) order by h.id`,
      [ids],
    ),
  ]);
  const value = (name: Bound) =>
    settings.find((one) => one.name === name)?.value ?? definitions[name].byDefault;
  const seconds =
    value("hosts.lease") + Math.max(value("hosts.kill_budget"), value("hosts.watchdog"));
  const since = settings.reduce<Instant | null>(
    (last, { at }) => (last === null || at > last ? at : last),
    null,
  );
  return hosts.map((host) => ({ ...host, bound: { seconds, since } }));
}

export async function readJobs(sql: Sql, ids: readonly string[]): Promise<readonly JobSight[]> {
  if (ids.length === 0) return [];
  return sql.query<JobSight>(
    `select b.id, b.kind, b.state, b.total, b.succeeded, b.failed, b.cancelled, b.finished_at as "finishedAt",
       cardinality(b.targets) as targets,
       (select count(*)::int from instance i where i.id = any(b.targets) and i.job_id = b.id) as carriers
     from job b where b.id = any($1) order by b.id`,
    [ids],
  );
}

export async function readVolumes(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly VolumeSight[]> {
  if (ids.length === 0) return [];
  const tasks = (where: string) => `(select count(*)::int from storage_task t where ${where})`;
  return sql.query<VolumeSight>(
    `select v.id, coalesce(v.name, o.name || '.' || v.kind, v.id::text) as name, v.state, v.kind,
       v.host_id as host, v.pool,
       case when o.id is not null then json_build_object('id', o.id, 'state', o.state, 'home', o.home,
         'isRoot', r.id is not null) end as owner,
       v.successor_id is not null as "isSuccessor",
       ${list(`json_build_object('id', t.id, 'do', t."do", 'deadline', ${ms("t.deadline")}) order by t.seq)
         from storage_task t where t.volume_id = v.id`)} as tasks,
       ${tasks(`(t.volume_id = v.id or t.detail->>'volume' = v.id::text and (t.volume_id = v.successor_id or t."do" = 'copy'))
         and t."do" in ('make', 'restore', 'copy', 'restore-backup')`)} as makers,
       ${list(`json_build_object('id', s.id, 'state', s.state, 'tasks', ${tasks("t.snapshot_id = s.id and t.\"do\" in ('snapshot', 'remove-snapshot')")}))
         from snapshot s where s.volume_id = v.id`)} as snapshots,
       ${list(`json_build_object('id', s.id, 'state', s.state, 'tasks', ${tasks("t.backup_id = s.id and t.\"do\" in ('backup', 'remove-backup')")}))
         from backup s where s.volume_id = v.id`)} as backups
     from volume v left join instance r on r.volume_id = v.id
       left join attachment a on a.volume_id = v.id
       left join instance o on o.id = coalesce(r.id, a.instance_id)
     where v.id = any($1) order by v.id`,
    [ids],
  );
}

export async function readNetworks(
  sql: Sql,
  ids: readonly string[],
): Promise<readonly NetworkSight[]> {
  if (ids.length === 0) return [];
  const count = (from: string) => `(select count(*)::int from ${from})`;
  return sql.query<NetworkSight>(
    `select w.id, w.name, w.deleted_at is not null as "isDeleted",
       ${list(`host(n.address)) from nic n join instance i on i.id = n.instance_id
         where n.network_id = w.id and (i.state = 'expunged' or not n.address << w.cidr::inet)`)} as strangers,
       ${count("nic n where n.network_id = w.id")} as nics,
       ${count("port_forward p where p.network_id = w.id")} as forwards,
       ${count("public_address p where p.network_id = w.id")} as addresses,
       ${count(`nic n join instance i on i.id = n.instance_id
         where n.network_id = w.id and i.home is not null`)} as guests,
       (select json_build_object('epoch', r.host_epoch, 'hostEpoch', h.epoch, 'hostState', h.state,
           'generation', r.generation)
         from router r join host h on h.id = r.host_id where r.network_id = w.id) as router,
       ${list(`host(p.address)) from nic n join instance i on i.id = n.instance_id
           join public_address p on p.nic_id = n.id and p.kind = 'automatic'
         where n.network_id = w.id and not (i.home is not null and i.state <> 'stopping'
           or i.state in ('stopped', 'stopping') and i.desired = 'running')`)} as "idleAddresses",
       ${list(`j.generation order by j.seq) from journal j
         where j.subject = w.id and j.event = 'routerPlaced'`)} as "routerGenerations"
     from network w where w.id = any($1) order by w.id`,
    [ids],
  );
}

/** The last work on each of these hosts, and whatever of older work is not over. */
export async function readWorks(sql: Sql, ids: readonly string[]): Promise<readonly WorkSight[]> {
  if (ids.length === 0) return [];
  return sql.query<WorkSight>(
    `select m.id, h.name, m.work, m.state, h.mode, m.starts_at as "startsAt", m.ends_at as "endsAt",
       ${list("i.name order by i.name) from instance i where i.home = h.id")} as lodgers,
       (select count(*)::int from scheduled_event e where e.maintenance_id = m.id and e.state = 'active') as events,
       ${list(`i.name order by i.name) from errand e
           join instance i on i.id = e.instance_id and i.generation = e.generation
         where i.last_host = h.id and e.does = 'pause' and i.home is null and not exists (
           select from maintenance o where o.host_id = h.id and o.state <> 'ended')`)} as stranded
     from maintenance m join host h on h.id = m.host_id where m.id = any($1) order by m.id`,
    [ids],
  );
}
