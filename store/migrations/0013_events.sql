-- Planned work: hosts that are emptied, what their owners are told of it and when, and the keys of guests.

-- What the platform wants of one generation of an instance, whatever its owner wants of the instance.
-- `leave`: end here, start elsewhere. `pause`: end here, start here again when its host is given back.
-- `return`: that has happened; until `until` it goes nowhere else. `reboot`: be rebooted once more than `reboots`.
create table errand (
  instance_id uuid primary key references instance,
  generation integer not null,
  does text not null check (does in ('leave', 'pause', 'return', 'reboot')),
  reboots integer not null default 0,
  until timestamptz
);

-- Work on a host, from the moment that it is planned. One at a time.
create table maintenance (
  id uuid primary key,
  host_id uuid not null references host,
  -- `empty`: nothing may run there. `retire`: nor come back. `interrupt`: what stays may be cut off for a moment.
  work text not null check (work in ('empty', 'retire', 'interrupt')),
  state text not null
    check (state in ('planned', 'preparing', 'emptying', 'blocked', 'in-maintenance', 'ended')),
  reason text not null,
  -- From then on nothing new is placed there.
  starts_at timestamptz not null,
  -- Owners are told so long before anything of theirs is stopped.
  notice_seconds integer not null check (notice_seconds >= 0),
  -- By then it is empty, whatever owners have chosen. Null: nothing can be put off.
  deadline timestamptz,
  -- Only of an interruption: when it is over by itself.
  ends_at timestamptz,
  -- Of the state.
  since timestamptz not null,
  -- What it does not get on for: [{instance, name, project, says, fix}]
  obstacles jsonb not null default '[]',
  created_at timestamptz not null,
  created_by text not null
);
create unique index maintenance_open on maintenance (host_id) where state <> 'ended';

-- How the moves of one maintenance went that were tried while the guest runs.
create table maintenance_move (
  maintenance_id uuid not null references maintenance on delete cascade,
  instance_id uuid not null references instance,
  attempts integer not null default 0,
  tried_at timestamptz not null,
  says text,
  primary key (maintenance_id, instance_id)
);

-- What owners want done with an instance whose host is emptied. Without a row: to be moved.
create table maintenance_policy (
  instance_id uuid primary key references instance,
  policy text not null check (policy in ('migrate', 'stop', 'reboot'))
);

create table scheduled_event (
  id uuid primary key,
  instance_id uuid not null references instance,
  maintenance_id uuid references maintenance,
  code text not null check (code in
    ('instance-stop', 'instance-retirement', 'instance-reboot', 'system-reboot', 'system-maintenance')),
  says text not null,
  not_before timestamptz not null,
  not_after timestamptz,
  -- It can be moved to a time before this. Null: it cannot be moved.
  deadline timestamptz,
  state text not null default 'active' check (state in ('active', 'completed', 'canceled')),
  -- Where it ran, as which generation and how often rebooted, when it was scheduled: any other has evaded it.
  host_id uuid not null references host,
  generation integer not null,
  reboots integer not null,
  -- It is being carried out since.
  begun_at timestamptz,
  ended_at timestamptz,
  -- How it ended, in words.
  outcome text,
  created_at timestamptz not null
);
create unique index scheduled_event_active on scheduled_event (instance_id, maintenance_id) nulls not distinct
  where state = 'active';
create index scheduled_event_by_instance on scheduled_event (instance_id, created_at);

-- When, in the week, owners would rather have their events. Those without instances are for all others of the project.
create table event_window (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  ranges jsonb not null,
  is_for_all boolean not null,
  created_at timestamptz not null,
  unique (project_id, name)
);
create unique index event_window_for_all on event_window (project_id) where is_for_all;
create table event_window_instance (
  instance_id uuid primary key references instance,
  window_id uuid not null references event_window on delete cascade
);

create table ssh_key (
  id uuid primary key,
  project_id uuid not null references project,
  name text not null,
  public_key text not null,
  fingerprint text not null,
  created_at timestamptz not null,
  unique (project_id, name)
);
-- Copied when the instance is made: to delete a key takes it from no guest.
create table instance_key (
  instance_id uuid not null references instance,
  slot integer not null,
  name text not null,
  public_key text not null,
  primary key (instance_id, slot)
);

grant select, insert, update, delete on
  errand, maintenance_move, maintenance_policy, event_window, event_window_instance, ssh_key
  to holdfast_manager;
grant select, insert, update on maintenance, scheduled_event to holdfast_manager;
grant select, insert on instance_key to holdfast_manager;
