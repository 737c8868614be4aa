-- Why a host is better avoided although it is up, by who says so: its operators (`concerns`, as before), its
-- hardware, and its own record of falling silent. Apart, so that none of them undoes what another has said.

alter table host
  -- What its agent reads from its sensors and disks, in sentences. Replaced as a whole by each checkup that differs.
  add column vital_concerns text[] not null default '{}',
  -- It has fallen silent too often: said so, and until when it counts.
  add column flap_concern text,
  add column flap_until timestamptz,
  -- What placement and people go by. Kept by the database, so that whoever writes a part cannot forget it.
  add column every_concern text[] generated always as
    (concerns || vital_concerns || array_remove(array[flap_concern], null)) stored,
  add constraint flap_ends check ((flap_concern is null) = (flap_until is null));

create index host_flapping on host (flap_until) where flap_until is not null;
