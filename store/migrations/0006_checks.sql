-- Status checks: how instances look from outside, and what somebody wants done when they look bad.

-- When each host was last looked at. Apart from the checks themselves, so that a fleet in which nothing
-- changes costs one small write per host and round, whatever the number of its guests.
create table host_checkup (
  host_id uuid primary key references host,
  at timestamptz not null
) with (fillfactor = 50);

-- Written when something about a check changes. Of another generation than the instance's: void.
create table instance_check (
  instance_id uuid primary key references instance,
  generation integer not null,
  system jsonb not null,
  instance jsonb not null,
  volume jsonb not null,
  -- Whether any of them has failed, or is about to, so that those few are found without reading all.
  is_failing boolean not null
) with (fillfactor = 70);
create index instance_check_failing on instance_check (instance_id) where is_failing;

create table alarm (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  -- Null: every instance of the project, also those to come.
  instance_id uuid references instance,
  check_name text not null check (check_name in ('any', 'system', 'instance', 'volume')),
  periods integer not null check (periods > 0),
  action text not null check (action in ('recover', 'reboot', 'stop', 'notify')),
  webhook_url text,
  -- Kept as it is: a signature cannot be made from a hash.
  webhook_secret text,
  created_at timestamptz not null,
  created_by text not null,
  check ((action = 'notify') = (webhook_url is not null)),
  unique (project_id, name)
);

-- What each alarm says of each instance that it watches. Whoever changes a row has rung, or silenced, it.
create table alarm_watch (
  alarm_id uuid not null references alarm on delete cascade,
  instance_id uuid not null references instance,
  state text not null check (state in ('ok', 'alarm', 'insufficient-data')),
  since timestamptz not null,
  primary key (alarm_id, instance_id)
);

-- What is to be done because an alarm has rung: written with the change that asks for it, carried out by
-- whichever manager takes it first. The alarm may be gone by then; what was begun is finished.
create table alarm_action (
  id uuid primary key,
  alarm_id uuid not null,
  alarm_name text not null,
  project_id uuid not null references project,
  instance_id uuid not null references instance,
  action text not null,
  webhook_url text,
  webhook_secret text,
  body jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'done', 'failed')),
  attempts integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  finished_at timestamptz
);
create index alarm_action_due on alarm_action (due_at) where state = 'pending';
create index alarm_action_recoveries on alarm_action (instance_id, created_at) where action = 'recover';

grant select, insert, update, delete on
  host_checkup, instance_check, alarm, alarm_watch, alarm_action to holdfast_manager;
