-- What every capability stands on: who may ask, settings, leases, jobs and the journal.

create table project (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);

-- API tokens. Only the hash is kept. A token without a project belongs to an operator.
create table api_token (
  hash text primary key,
  name text not null,
  project_id uuid references project,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

-- Settings that differ from their default; the defaults, meanings and units are in the code.
create table setting (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now(),
  changed_by text not null
);

-- Things all managers must share and nobody else may read, such as the key of the certificate authority.
create table secret (
  name text primary key,
  value text not null
);

-- Who holds what among managers. The epoch goes up with every change of owner, so a holder that slept
-- through its expiry can be told from the present one.
create table lease (
  name text primary key,
  owner text not null,
  epoch bigint not null,
  expires_at timestamptz not null
);

create table job (
  id uuid primary key,
  project_id uuid references project,
  kind text not null,
  state text not null default 'running' check (state in ('running', 'succeeded', 'failed', 'cancelled')),
  targets uuid[] not null,
  total integer not null,
  succeeded integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  actor text not null,
  request_id text not null,
  idempotency_key text,
  request_hash text,
  problem jsonb,
  created_at timestamptz not null,
  finished_at timestamptz,
  check (succeeded + failed + cancelled <= total)
);
create unique index job_idempotency on job (project_id, idempotency_key) where idempotency_key is not null;
create index job_by_project on job (project_id, id desc);

-- The journal: one row for everything that ever happened, written in the transaction that made it so.
-- Nobody updates or deletes here; the running manager's role may only insert and read.
create table journal (
  seq bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  subject uuid not null,
  event text not null,
  from_state text,
  to_state text,
  generation integer,
  actor text not null,
  request_id text,
  job_id uuid,
  detail jsonb
);
create index journal_by_subject on journal (subject, seq);
