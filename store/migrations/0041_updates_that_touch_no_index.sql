-- An instance is written three times for each start, and each time all of its indexes were: 25 us for a row, and 8 where no column
-- of an index changes. Its state was in the condition of four of them, though all that they ask is whether it is expunged; and the
-- moment of its next look was in one. Only a row that finds another home is in its indexes anew now.

alter table instance add column is_expunged boolean not null generated always as (state = 'expunged') stored;
drop index instance_by_project, instance_expunged, instance_by_name, instance_ended, instance_due;
create index instance_by_project on instance (project_id, id) where not is_expunged;
create index instance_expunged on instance (project_id, id) where is_expunged;
create unique index instance_by_name on instance (project_id, name) where not is_expunged;
create index instance_ended on instance (project_id, destroyed_at) where is_expunged;

-- Where to find those that are due. When an instance is to be looked at is said by its own row, and by nothing else: it has a row here
-- that is as early or earlier, which the trigger sees to, and whoever finds it too early puts it right.
create table due (
  instance_id uuid primary key,
  at timestamptz not null
) with (fillfactor = 50);
create index due_by_time on due (at);
grant select, insert, update, delete on due to holdfast_manager;
insert into due select id, look_at from instance where look_at is not null;

create function note_due() returns trigger language plpgsql as $$ begin
  insert into due values (new.id, new.look_at)
    on conflict (instance_id) do update set at = excluded.at where due.at > excluded.at;
  return null;
end $$;
create trigger instance_is_born_due after insert on instance
  for each row when (new.look_at is not null) execute function note_due();
create trigger instance_becomes_due after update of look_at on instance
  for each row when (new.look_at < old.look_at or (old.look_at is null and new.look_at is not null))
  execute function note_due();
