-- Who asked for what, and what became of it: one row for every request, and one for many of nobody's.

create table audit (
  seq bigint generated always as identity primary key,
  at timestamptz not null,
  request_id text not null,
  api text not null,
  method text not null,
  route text not null,
  path text not null,
  decision text not null check (decision in ('allowed', 'refused', 'failed')),
  status integer not null,
  code text,
  account_id uuid,
  actor text,
  credential text,
  source text,
  project_id uuid,
  milliseconds real not null,
  -- How many requests alike this row stands for.
  count integer not null default 1
);
create index audit_by_project on audit (project_id, seq) where project_id is not null;
create index audit_by_actor on audit (actor, seq) where actor is not null;
create index audit_by_time on audit using brin (at);
-- What a request has changed is found by its id among the rows of that time.
create index journal_by_time on journal using brin (at);

grant select, insert on audit to holdfast_manager;

-- The running manager may forget what is old, and nothing else: whoever takes it over cannot remove their traces.
create function forget_audit(before timestamptz) returns bigint
language sql security definer set search_path = public as $$
  with gone as (
    delete from audit where at < least(before, now() - interval '1 day') returning 1
  ) select count(*) from gone
$$;
revoke execute on function forget_audit from public;
grant execute on function forget_audit to holdfast_manager;
