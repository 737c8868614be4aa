-- Instances, the processes that were launched for them, and their volumes.

create table instance_type (
  name text primary key,
  cpus integer not null check (cpus > 0),
  memory_mib integer not null check (memory_mib > 0),
  disk_gib integer not null check (disk_gib > 0)
);

create table image (
  id uuid primary key,
  project_id uuid references project,
  name text not null,
  state text not null check (state in ('importing', 'ready', 'failed', 'deleted')),
  manifest jsonb,
  problem jsonb,
  source text not null,
  -- What was asked for at the import: checksum, smallest memory.
  import jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create unique index image_by_name on image (name, coalesce(project_id, '00000000-0000-0000-0000-000000000000'))
  where state <> 'deleted';

create table volume (
  id uuid primary key,
  project_id uuid not null references project,
  image_id uuid not null references image,
  state text not null,
  size_bytes bigint not null check (size_bytes > 0),
  host_id uuid references host,
  created_at timestamptz not null
);
create index volume_by_host on volume (host_id) where host_id is not null and state <> 'expunged';

create table instance (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  type text not null,
  cpus integer not null,
  memory_mib integer not null,
  image_id uuid not null references image,
  volume_id uuid not null references volume,
  zone text,
  host_tags text[] not null default '{}',
  anti_affinity_group text,
  user_data text,
  start_paused boolean not null default false,
  is_protected boolean not null default false,
  created_at timestamptz not null,
  desired text not null check (desired in ('running', 'stopped', 'destroyed', 'expunged')),
  state text not null,
  op jsonb,
  job_id uuid,
  job_kind text,
  is_forced boolean not null default false,
  generation integer not null default 0,
  home uuid references host,
  reboots integer not null default 0,
  cause jsonb,
  restarts timestamptz[] not null default '{}',
  not_before timestamptz,
  avoid_hosts uuid[] not null default '{}',
  destroyed_at timestamptz,
  request_id text not null,
  version integer not null default 1,
  -- When a manager should look at it again; null when only news could change anything.
  look_at timestamptz,
  -- Every transitional state has an operation, and a home exactly where a host may be running it.
  check ((op is not null) or state not in ('provisioning', 'starting', 'stopping', 'migrating', 'lost', 'expunging')),
  check ((home is not null) = (state in ('starting', 'running', 'stopping', 'migrating', 'lost')))
) with (fillfactor = 70);
create index instance_due on instance (look_at) where look_at is not null;
create index instance_by_home on instance (home) where home is not null;
create index instance_by_project on instance (project_id, id);
create unique index instance_by_name on instance (project_id, name) where state <> 'expunged';
create index instance_by_group on instance (project_id, anti_affinity_group)
  where anti_affinity_group is not null and home is not null;
create index instance_by_volume on instance (volume_id);

-- One row for every process ever asked for. Written from reports only, but for the first: `asked`.
create table incarnation (
  instance_id uuid not null references instance,
  generation integer not null,
  host_id uuid not null references host,
  host_epoch integer not null,
  phase text not null check (phase in ('asked', 'running', 'exited')),
  guest text not null default 'booting',
  reboots integer not null default 0,
  asked_at timestamptz not null,
  running_at timestamptz,
  up_at timestamptz,
  exited_at timestamptz,
  ending jsonb,
  evidence jsonb,
  primary key (instance_id, generation)
) with (fillfactor = 70);
