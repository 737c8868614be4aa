-- What a pass writes of an instance refers to rows that it has read and holds, or reserves room in, in the same transaction; and
-- nobody who works here may delete an instance, a host or a certificate (0004-roles.sql). To look each of them up once more was
-- a twelfth of what PostgreSQL does for a guest whose host died: seven times for each.
alter table instance drop constraint instance_home_fkey, drop constraint instance_last_host_fkey;
alter table incarnation drop constraint incarnation_instance_id_fkey, drop constraint incarnation_host_id_fkey;
alter table death drop constraint death_instance_id_fkey, drop constraint death_host_id_fkey, drop constraint death_fence_fkey;
