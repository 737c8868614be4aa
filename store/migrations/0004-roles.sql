-- The running manager is not the owner of what it uses: it can neither change the schema nor rewrite
-- history. The role is made here so that every installation has it; whoever sets up the server gives it
-- to a login (embedded: `holdfast`) or lets the owner switch to it.
do $$ begin
  create role holdfast_manager nologin;
exception
  when duplicate_object or unique_violation then null;
end $$;

grant usage on schema public to holdfast_manager;
grant select, insert, update on
  project, api_token, setting, lease, job, host, host_lease, host_certificate, join_token,
  instance, incarnation, volume, image, instance_type, zone, pod, cluster, secret
  to holdfast_manager;
grant delete on setting, lease, job to holdfast_manager;
grant select, insert on journal to holdfast_manager;
grant select on schema_migration to holdfast_manager;
