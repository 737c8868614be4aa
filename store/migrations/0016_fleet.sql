-- What a big fleet needs to be cheap: the journal as a stream, and lists that never read what they do not show.

-- The transaction that wrote a row. Numbers of rows are given out when they are written and not when they are seen: a
-- reader who has seen 10 may not have seen 9 yet. Of transactions it is known which are all over, so what is in the
-- order of (xact, seq) and older than all that are under way has no gap, and never will have.
alter table journal add column xact xid8 not null default pg_current_xact_id();
alter table journal drop constraint journal_pkey, add primary key (xact, seq);

-- Those that are expunged pile up, and nobody asks for them.
drop index instance_by_project;
create index instance_by_project on instance (project_id, id) where state <> 'expunged';
create index instance_expunged on instance (project_id, id) where state = 'expunged';

-- Rounds ask for what is due, and must not read what is not.
create index backup_schedule_due on backup_schedule (next_at);
create index attachment_leaving on attachment (instance_id) where leaving is not null;
create index volume_unmade on volume (id) where state = 'allocated' and kind = 'data';
create index nic_public on nic (id) where is_public;
create index volume_checkable on volume (checked_at nulls first, id) where state = 'ready' and kind <> 'ephemeral';
create index host_suspect on host (id) where state = 'suspect';
create index volume_unwanted on volume (id) where state = 'expunging';
