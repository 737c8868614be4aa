-- Which projects besides its own may use a snapshot: to make a volume of it and to copy it. Nobody's but its own to change.
create table snapshot_share (
  snapshot_id uuid not null references snapshot on delete cascade,
  project_id uuid not null references project,
  primary key (snapshot_id, project_id)
);
create index snapshot_share_by_project on snapshot_share (project_id);
grant select, insert, delete on snapshot_share to holdfast_manager;
