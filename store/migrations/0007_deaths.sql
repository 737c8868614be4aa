-- One certificate for every generation that ended without anybody having asked for that. Amended when a host
-- that was given up comes back and tells what it saw; what was certified first is kept beside it.
create table death (
  instance_id uuid not null references instance,
  generation integer not null,
  host_id uuid not null references host,
  host_epoch integer not null,
  -- When it ended, as far as is known; and when the platform wrote that down.
  at timestamptz not null,
  recorded_at timestamptz not null,
  cause text not null,
  layer text not null check (layer in ('infrastructure', 'base-image', 'application', 'operator', 'maintenance')),
  confidence text not null check (confidence in ('certain', 'likely', 'none')),
  certificate jsonb not null,
  -- All that the inquest rested on, so that it can be held again.
  evidence jsonb not null,
  fence uuid references fence_certificate,
  amended_at timestamptz,
  first_cause text,
  primary key (instance_id, generation)
);
create index death_by_time on death (at desc);
create index death_by_cause on death (cause, at desc);
grant select, insert, update on death to holdfast_manager;
