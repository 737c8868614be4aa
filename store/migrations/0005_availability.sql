-- Availability: leases that can be voided, proofs of death, and what an instance wants done after one.

-- A lease is for one epoch of a host. Fencing sets `epoch` to 0, and a renewal for any other epoch than
-- the one that is here changes nothing: so nobody can renew what has been taken away, at any moment.
alter table host_lease
  add column epoch integer not null default 0,
  -- What the host attests to stand behind its guard: an armed watchdog of this kind.
  add column watchdog text check (watchdog in ('hardware', 'software', 'simulated')),
  -- Since when this host has shown itself in its shared pools without a gap; other hosts see by that
  -- that the platform is there, and give up their guests when they cannot reach it themselves.
  add column stamping_since timestamptz;

-- The shared pools that a host can reach, by name. What is on its own disks is in the pool `local`.
alter table host add column pools text[] not null default '{}';
alter table volume add column pool text not null default 'local';

alter table instance
  add column recovery text not null default 'automatic'
    check (recovery in ('automatic', 'in-place', 'elsewhere', 'none')),
  add column priority integer not null default 0,
  add column depends_on uuid[] not null default '{}',
  -- The host that it last ran on.
  add column last_host uuid references host;

create index instance_by_dependency on instance using gin (depends_on) where depends_on <> '{}';

-- How to switch a host off from outside. The password is for managers only.
create table host_bmc (
  host_id uuid primary key references host,
  url text not null,
  username text not null,
  password text not null,
  -- The last word of the controller, for people: `on`, `off` or what went wrong.
  said text,
  said_at timestamptz
);

-- The proof that nothing of one epoch of a host can still be running. There is at most one: the first.
create table fence_certificate (
  id uuid primary key,
  host_id uuid not null references host,
  epoch integer not null,
  proof text not null check (proof in ('power-off', 'watchdog', 'boot-id', 'storage-cut', 'attested')),
  -- A watchdog bound says nothing of guests that nobody would have ended.
  covers text not null check (covers in ('everything', 'shared')),
  silent_since timestamptz not null,
  proven_at timestamptz not null,
  manager text not null,
  evidence jsonb not null,
  signature text not null,
  unique (host_id, epoch)
);

-- Where so many fell silent at once that fencing stopped, and until when a person has let it go on.
create table fence_release (
  domain text primary key,
  until timestamptz not null,
  released_by text not null
);

grant select, insert, update on host_bmc, fence_release to holdfast_manager;
grant delete on host_bmc to holdfast_manager;
grant select, insert on fence_certificate to holdfast_manager;
