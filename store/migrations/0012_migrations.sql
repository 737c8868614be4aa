-- Live migration: instances that move to another host while they run.

-- The last generation ever given out. `generation` is that of the process at home; one that is on its way to
-- another host has a later one, and may never become home.
alter table instance add column last_generation integer not null default 0;
update instance set last_generation = generation;

-- `incoming`: it waits for the memory of another process of the same instance, and does not run.
alter table incarnation drop constraint incarnation_phase_check;
alter table incarnation add constraint incarnation_phase_check
  check (phase in ('asked', 'incoming', 'running', 'exited'));

-- One row for every attempt to move an instance. While it is `preparing` or `copying` there are two
-- incarnations, and room is taken on two hosts.
create table migration (
  id uuid primary key,
  instance_id uuid not null references instance,
  state text not null check (state in ('preparing', 'copying', 'switched', 'done', 'aborted', 'failed')),
  from_host uuid not null references host,
  from_epoch integer not null,
  from_generation integer not null,
  to_host uuid not null references host,
  to_epoch integer not null,
  to_generation integer not null,
  -- Where the destination can be reached, as address and port, once it has said so.
  relay text,
  -- `asked`: a person wants it broken off. `given-up`: the platform does.
  abort text check (abort in ('asked', 'given-up')),
  -- The source tries no more, and runs on.
  has_given_up boolean not null default false,
  -- All of it has been sent, and the source stands still.
  has_sent boolean not null default false,
  -- What went wrong, for people.
  says text,
  problem jsonb,
  -- How it may be done: speed, patience, network. Kept here because settings may change meanwhile.
  terms jsonb not null,
  why text not null,
  actor text not null,
  -- The job that it began with.
  job_id uuid,
  -- The last that the source said of it.
  progress jsonb,
  progress_at timestamptz,
  downtime_ms double precision,
  started_at timestamptz not null,
  copying_at timestamptz,
  ended_at timestamptz,
  -- A host that has a copy of a local volume which nobody needs any more.
  leftover_host uuid references host
) with (fillfactor = 70);
create unique index migration_open on migration (instance_id) where state in ('preparing', 'copying');
create index migration_by_instance on migration (instance_id, started_at);
create index migration_arriving on migration (to_host) where state in ('preparing', 'copying');
create index migration_departed on migration (from_host) where state = 'switched';
create index migration_leftover on migration (leftover_host) where leftover_host is not null;

grant select, insert, update on migration to holdfast_manager;
