-- Volumes as things of their own: attached and detached, limited, with snapshots and backups.

alter table volume
  alter column image_id drop not null,
  -- Chosen by its owner. What is made with an instance has none: it is `INSTANCE.root` or `INSTANCE.ephemeral`.
  add column name text,
  add column kind text not null default 'root' check (kind in ('root', 'data', 'ephemeral')),
  -- How much its guest may ask of it. Null: what the type of its instance says, or as much as there is.
  add column iops integer check (iops > 0),
  add column bytes_per_second bigint check (bytes_per_second > 0),
  -- As big as it was when somebody last looked; `size_bytes` is how big it should be.
  add column actual_bytes bigint,
  -- Why it could not be made, or what is wrong with it.
  add column problem jsonb,
  add column checked jsonb,
  add column checked_at timestamptz,
  -- A restore has put this one into its place. It is kept for the snapshots that lie in it.
  add column successor_id uuid references volume;
create unique index volume_by_name on volume (project_id, name)
  where name is not null and state <> 'expunged';
create index volume_by_project on volume (project_id, id) where state <> 'expunged';
create index volume_by_successor on volume (successor_id) where successor_id is not null;

-- The disks of instances besides their root volumes.
create table attachment (
  volume_id uuid primary key references volume,
  instance_id uuid not null references instance,
  -- 0 is the root volume.
  slot integer not null check (slot > 0),
  delete_with_instance boolean not null default false,
  attached_at timestamptz not null,
  -- It is being detached: the version of the instance whose wish left it out first. What a host says of an
  -- older wish is no proof that it has let go.
  leaving integer,
  -- As its host sees it; null before it has said anything.
  "is" text,
  bytes bigint,
  problem jsonb,
  said_at timestamptz,
  unique (instance_id, slot)
);

create table snapshot (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  -- Of which, and the volume whose file it lies in: another one once something has been restored.
  volume_id uuid not null references volume,
  lies_in uuid not null references volume,
  state text not null check (state in ('making', 'ready', 'failed', 'deleting')),
  bytes bigint not null,
  -- What its guest did meanwhile: `frozen`, `paused`, `went-on` or `off`.
  guest text,
  problem jsonb,
  created_at timestamptz not null,
  made_at timestamptz,
  unique (project_id, name)
);
create index snapshot_by_volume on snapshot (volume_id);
create index snapshot_by_place on snapshot (lies_in);

-- They outlive their volume: that is what they are for.
create table backup (
  id uuid primary key,
  project_id uuid not null references project,
  volume_id uuid not null references volume,
  lies_in uuid not null references volume,
  volume_name text not null,
  kind text not null,
  -- What it builds on.
  since uuid references backup,
  state text not null check (state in ('making', 'ready', 'failed', 'deleting')),
  bytes bigint not null,
  used_bytes bigint,
  -- When a schedule wanted it; null: a person did.
  due_at timestamptz,
  problem jsonb,
  created_at timestamptz not null,
  made_at timestamptz,
  unique (volume_id, due_at)
);
create index backup_by_place on backup (lies_in);
create index backup_by_since on backup (since) where since is not null;
create index backup_by_project on backup (project_id, created_at);

create table backup_schedule (
  volume_id uuid primary key references volume,
  every_minutes integer not null check (every_minutes > 0),
  keep_hourly integer not null check (keep_hourly >= 0),
  keep_daily integer not null check (keep_daily >= 0),
  keep_weekly integer not null check (keep_weekly >= 0),
  next_at timestamptz not null,
  created_at timestamptz not null
);

-- What hosts are told to do with volumes, until they say what came of it; then the row is gone.
create table storage_task (
  id uuid primary key,
  seq bigint generated always as identity,
  -- Whose activity it is: of one volume they are done one after the other.
  volume_id uuid not null references volume,
  -- Who was told; null before anybody was.
  host_id uuid references host,
  "do" text not null,
  -- The rest of what a host needs to know.
  detail jsonb not null,
  snapshot_id uuid references snapshot,
  backup_id uuid references backup,
  image_id uuid references image,
  created_at timestamptz not null,
  deadline timestamptz not null,
  not_before timestamptz,
  attempts integer not null default 0,
  problem jsonb,
  actor text not null,
  request_id text
);
create index storage_task_by_volume on storage_task (volume_id, seq);
create index storage_task_by_host on storage_task (host_id) where host_id is not null;

-- How full the pools are, as each host sees it.
create table pool_room (
  host_id uuid not null references host,
  pool text not null,
  total_bytes bigint not null,
  free_bytes bigint not null,
  heard_at timestamptz not null,
  primary key (host_id, pool)
);

alter table instance_type
  add column disk_iops integer check (disk_iops > 0),
  add column disk_bytes_per_second bigint check (disk_bytes_per_second > 0);

grant select, insert, update, delete on
  attachment, snapshot, backup, backup_schedule, storage_task, pool_room to holdfast_manager;
