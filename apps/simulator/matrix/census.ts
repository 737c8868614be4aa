/**
 * What there is, as lines for people: in the database, and in the world. Two worlds with the same census have come to
 * the same; which host something is on, ids and moments are not in it.
 *
 * `strays` are what one of the two knows of and the other does not: what was leaked, or lost.
 */
import type { VolumeId } from "@holdfast/kernel/ids";
import { unrest } from "../invariants.ts";
import type { World } from "../world.ts";

const rows = `
  select 'instance ' || name || ' is ' || state || ', wanted ' || desired || case when is_protected then ', protected' else '' end
    || case when metadata_tokens = 'required' then ', metadata with tokens' else '' end || case when metadata = 'off' then ', no metadata' else '' end
    from instance where state <> 'expunged'
  union all select kind || ' volume ' || coalesce(v.name, 'of ' || (select i.name from instance i where i.volume_id = v.id and i.state <> 'expunged' limit 1), '')
    || ' is ' || v.state || ', ' || size_bytes / 1048576 || ' MiB in ' || pool || coalesce(', ' || v.iops || ' iops', '') from volume v where v.state <> 'expunged'
  union all select 'volume ' || v.name || ' at ' || i.name || ' is ' || coalesce(a."is", 'asked for') from attachment a join volume v on v.id = a.volume_id join instance i on i.id = a.instance_id
  union all select 'snapshot ' || name || ' is ' || state from snapshot
  union all select 'backup of ' || volume_name || ' is ' || state from backup
  union all select 'backups every ' || every_minutes from backup_schedule
  union all select 'network ' || name from network where deleted_at is null
  union all select 'nic ' || slot || ' of ' || i.name || ' in ' || n.name || coalesce((select ' with ' || string_agg(g.name, ' ' order by g.name) from nic_group ng join security_group g on g.id = ng.group_id where ng.nic_id = nic.id), '') from nic join network n on n.id = nic.network_id join instance i on i.id = nic.instance_id
  union all select kind || ' address ' || coalesce(p.name, '') || coalesce(' at ' || i.name, '') from public_address p left join nic on nic.id = p.nic_id left join instance i on i.id = nic.instance_id
  union all select 'range ' || cidr from public_range
  union all select 'forward ' || protocol || ' ' || public_port from port_forward
  union all select 'group ' || name || ' with ' || (select count(*) from security_rule r where r.group_id = g.id) || ' rules' from security_group g
  union all select 'router of ' || n.name || ' is ' || coalesce(r.is_up::text, 'unknown') from router r join network n on n.id = r.network_id
  union all select 'image ' || name || ' is ' || state || coalesce(', warm ' || warm, '') from image where state <> 'deleted'
  union all select 'key ' || name from ssh_key
  union all select 'host ' || name || ' is ' || state || ', ' || mode || case when exists (select from host_bmc b where b.host_id = host.id) then ' with bmc' else '' end || ' ' || array_to_string(tags, ' ') || ' ' || array_to_string(concerns, ' ') from host
  union all select 'certificate of ' || h.name || case when c.revoked_at is null then '' else ' is revoked' end from host_certificate c join host h on h.id = c.host_id
  union all select 'join token ' || case when used_at is null then 'unused' else 'used' end from join_token
  union all select 'organisation ' || name from organisation
  union all select 'account ' || kind || ' ' || name || case when disabled_at is null then '' else ' is disabled' end from account
  union all select 'access key ' || name || case when revoked_at is null then '' else ' is revoked' end from access_key
  union all select 'session' from session where ended_at is null
  union all select 'single sign-on at ' || issuer from single_sign_on
  union all select 'quota ' || resource || ' ' || most from quota
  union all select 'required tag ' || key from required_tag
  union all select 'member ' || a.name || ' as ' || m.role || coalesce(' of project ' || p.name, '') || coalesce(' of ' || o.name, '')
    from membership m join account a on a.id = m.account_id left join project p on p.id = m.project_id left join organisation o on o.id = m.organisation_id
  union all select 'project ' || name from project
  union all select 'maintenance of ' || h.name || ' is ' || m.state from maintenance m join host h on h.id = m.host_id
  union all select 'event ' || code || ' is ' || e.state || ' for ' || i.name from scheduled_event e join instance i on i.id = e.instance_id
  union all select 'policy ' || policy || ' of ' || i.name from maintenance_policy p join instance i on i.id = p.instance_id
  union all select 'window ' || name from event_window
  union all select 'alarm ' || name from alarm
  union all select 'setting ' || name || ' = ' || value from setting
  union all select 'type ' || name || ' with ' || memory_mib from instance_type
  union all select 'recovery ' || recovery || ' of ' || name from instance where recovery <> 'automatic' and state <> 'expunged'
  union all select 'release of ' || domain from fence_release`;

export async function census({
  sql,
  sites,
  pool,
  store,
  backups,
}: World): Promise<readonly string[]> {
  const known = await sql.query<{ what: string }>(`select what from (${rows}) w (what)`);
  const lines = known.map(({ what }) => what);
  const volumes = await sql.query<{ id: VolumeId }>("select id from volume order by id");
  const kept = await Promise.all(volumes.map(({ id }) => backups.list(id)));
  for (const { station } of sites)
    for (const { spec, phase } of station.running())
      lines.push(`a machine ${spec.name} is ${phase} with ${spec.disks.length} disks`);
  const counts: readonly [string, number][] = [
    ["volumes in shared", pool.volumes.size],
    [
      "volumes in local",
      sites.reduce((sum, { station }) => sum + (station.pools.get("local")?.volumes.size ?? 0), 0),
    ],
    ["blobs", store.files.size],
    ["backups", kept.flat().length],
    [
      "networks on hosts",
      sites.reduce((sum, { station }) => sum + station.kernel.networks.size, 0),
    ],
  ];
  for (const [what, count] of counts) lines.push(`${what}: ${count}`);
  return lines.sort();
}

/** What is still under way, besides what `unrest` knows. */
const unfinished = `
  select 'snapshot ' || name || ' is ' || state from snapshot where state in ('making', 'deleting')
  union all select 'a backup is ' || state from backup where state in ('making', 'deleting')
  union all select 'image ' || name || ' is ' || state from image where state = 'importing' and source <> 'upload'
  union all select 'volume ' || coalesce(v.name, '') || ' leaves' from attachment a join volume v on v.id = a.volume_id where a.leaving is not null
  union all select 'an event is under way' from scheduled_event where state = 'active' and begun_at is not null
  union all select 'an alarm acts' from alarm_action where state = 'pending'
  union all select 'a check waits' from storage_task`;

/** What an operation may leave so: work that is planned, and a host that has joined and never been switched on. */
const leftSo = /^(maintenance is (planned|in-maintenance)|host host-9 is suspect)/;

export async function restless({ sql }: World): Promise<readonly string[]> {
  const more = await sql.query<{ what: string }>(
    `select what from (${unfinished}) w (what) order by 1`,
  );
  const usual = (await unrest(sql)).filter((what) => !leftSo.test(what));
  return [...usual, ...more.map(({ what }) => what)];
}

/** What only one of them knows of: the database, and disks and hosts. */
export async function strays({ sql, sites, pool, store }: World): Promise<readonly string[]> {
  const found: string[] = [];
  const volumes = await sql.query<{
    id: VolumeId;
    state: string;
    pool: string;
    host: string | null;
    snapshots: readonly string[] | null;
  }>(
    `select v.id, v.state, v.pool, coalesce(h.name, o.name) as host, (select array_agg(s.id::text) from snapshot s where s.lies_in = v.id) as snapshots
     from volume v left join host h on h.id = v.host_id left join attachment a on a.volume_id = v.id and v.kind = 'ephemeral'
       left join instance i on i.id = a.instance_id left join host o on o.id = i.home order by v.id`,
  );
  const places = [
    { pool: "shared", host: undefined, there: pool },
    ...sites.flatMap(({ station }) => {
      const local = station.pools.get("local");
      return local ? [{ pool: "local", host: station.name, there: local }] : [];
    }),
  ];
  for (const { pool: name, host, there } of places)
    for (const [id, { snapshots }] of there.volumes) {
      const row = volumes.find((volume) => volume.id === id);
      const where = host ?? name;
      if (!row || row.state === "expunged" || row.pool !== name || (host && row.host !== host))
        found.push(`${where} has a volume that should not be there (${row?.state ?? "unknown"})`);
      for (const snapshot of snapshots)
        if (!row?.snapshots?.some((known) => snapshot.name.includes(known)))
          found.push(`${where} has a snapshot that nobody knows of`);
    }
  for (const { id, state, pool: name, host } of volumes) {
    if (state !== "ready") continue;
    const place = places.find(
      (each) => each.pool === name && (name !== "local" || each.host === host),
    );
    if (!place?.there.volumes.has(id)) found.push(`a volume is ready in ${name} and is not there`);
  }
  const instances = await sql.query<{
    id: string;
    generation: number;
    state: string;
    home: string | null;
  }>(
    "select i.id, i.generation, i.state, h.name as home from instance i left join host h on h.id = i.home",
  );
  for (const { station } of sites)
    for (const { spec } of station.running()) {
      const row = instances.find(({ id }) => id === spec.id);
      if (
        row?.state !== "running" ||
        row.home !== station.name ||
        row.generation !== spec.generation
      )
        found.push(
          `${station.name} runs ${spec.name} g${spec.generation}, which is ${row?.state ?? "unknown"}`,
        );
    }
  for (const { id, state } of instances)
    if (
      state === "running" &&
      !sites.some(({ station }) => station.running().some(({ spec }) => spec.id === id))
    )
      found.push("an instance is running, and no host runs it");
  const manifests = await sql.query<{ text: string }>(
    "select manifest::text as text from image where state <> 'deleted' and manifest is not null",
  );
  for (const path of store.files.keys()) {
    const digest = path.split("/").at(-1) ?? "";
    if (!manifests.some(({ text }) => text.includes(digest)))
      found.push("bytes of an image that nobody has registered");
  }
  return found;
}
