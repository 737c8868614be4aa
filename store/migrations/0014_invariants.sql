-- What the last look at everything that always holds has seen. One manager looks, any of them may be asked.
create table invariant_look (
  is_only boolean primary key default true check (is_only),
  at timestamptz not null,
  manager text not null,
  -- Of each kind of thing: how many were looked at last and when, and when all of them had been: { kind: {…} }.
  kinds jsonb not null,
  -- How many violations there are, and the oldest of them with the rows that show them.
  broken integer not null,
  violations jsonb not null
) with (fillfactor = 50);

grant select, insert, update on invariant_look to holdfast_manager;
