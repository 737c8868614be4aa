-- Lists are read a page at a time, by id, which is by age.
create index snapshot_by_project on snapshot (project_id, id);
create index backup_by_age on backup (project_id, id);
create index snapshot_of_volume on snapshot (volume_id, id);
drop index snapshot_by_volume;
create index backup_of_volume on backup (volume_id, id);

-- Who asks where the routers of a host are must not read those of all networks.
create index router_by_host on router (host_id);
