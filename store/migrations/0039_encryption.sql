-- Encrypted volumes. What their disks are opened with, each sealed with the platform's key, which is not in here.
-- One for a volume and everything that is made of it: its snapshots lie in it, and copies, backups and images of it are opened with the same.
create table volume_key (
  id uuid primary key,
  sealed text not null,
  created_at timestamptz not null
);
alter table volume add column key_id uuid references volume_key;
alter table image add column key_id uuid references volume_key;
-- Whatever is made anew in it is encrypted, whether somebody asks for that or not.
alter table project add column encrypts_volumes boolean not null default false;
grant select, insert on volume_key to holdfast_manager;
