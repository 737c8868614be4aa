-- The fleet: where hosts stand, what they have, and how long each may go on without being heard.

create table zone (name text primary key);
create table pod (name text primary key, zone text not null references zone);
create table cluster (name text primary key, pod text not null references pod);

create table host (
  id uuid primary key,
  name text not null unique,
  cluster text not null references cluster,
  state text not null check (state in ('up', 'suspect', 'down')),
  mode text not null check (mode in ('enabled', 'draining', 'maintenance')),
  -- Goes up when the host is fenced or taken back. Reports of an older epoch are kept as evidence only.
  epoch integer not null default 1,
  boot_id text,
  tags text[] not null default '{}',
  concerns text[] not null default '{}',
  cpus integer not null default 0,
  memory_mib integer not null default 0,
  reserved_cpus integer not null default 0 check (reserved_cpus >= 0),
  reserved_memory_mib integer not null default 0 check (reserved_memory_mib >= 0),
  facts jsonb not null default '{}',
  created_at timestamptz not null default now()
);

-- Apart from `host`, because it is written every second and nothing else should wait for that.
create table host_lease (
  host_id uuid primary key references host,
  renewed_at timestamptz not null,
  manager text not null
) with (fillfactor = 50);

create table host_certificate (
  fingerprint text primary key,
  host_id uuid not null references host,
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);

create table join_token (
  hash text primary key,
  host_name text,
  expires_at timestamptz not null,
  used_at timestamptz,
  used_by uuid
);
