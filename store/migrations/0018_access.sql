-- Who may do what: organisations hold projects, accounts are given roles on them, and keys say who asks.

create table organisation (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz not null default now()
);
-- The one that projects are in when nobody says otherwise.
insert into organisation (id, name) values ('00000000-0000-7000-8000-000000000001', 'default');

alter table project add column organisation_id uuid not null
  default '00000000-0000-7000-8000-000000000001' references organisation;
create index project_by_organisation on project (organisation_id);

-- Whoever may ask: a person, or a program of a project.
create table account (
  id uuid primary key,
  kind text not null check (kind in ('user', 'service')),
  name text not null constraint account_by_name unique,
  project_id uuid references project,
  password_hash text,
  -- What a provider of single sign-on calls it.
  issuer text,
  subject text,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  unique (issuer, subject),
  check (kind = 'service' or project_id is null),
  check (kind = 'user' or (password_hash is null and issuer is null)),
  check ((issuer is null) = (subject is null))
);
create index account_by_project on account (project_id) where project_id is not null;

-- A role on a project, on an organisation, or (with neither) on the platform. What a provider of single sign-on
-- gives and takes away is apart from what people here have given.
create table membership (
  account_id uuid not null references account,
  organisation_id uuid references organisation,
  project_id uuid references project,
  role text not null,
  source text not null default 'local' check (source in ('local', 'sso')),
  granted_by text not null,
  granted_at timestamptz not null default now(),
  check (organisation_id is null or project_id is null)
);
create unique index membership_once on membership
  (account_id, source, coalesce(project_id, organisation_id, '00000000-0000-0000-0000-000000000000'));
create index membership_by_project on membership (project_id) where project_id is not null;
create index membership_by_organisation on membership (organisation_id) where organisation_id is not null;

-- The secret is sealed and not hashed: whoever checks a signature must compute one.
create table access_key (
  id text primary key,
  account_id uuid not null references account,
  name text not null,
  sealed bytea not null,
  -- The only project that it is for.
  project_id uuid references project,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  last_used_from text
);
create index access_key_by_account on access_key (account_id);

-- Of tokens only hashes were kept, so no key can be made of one: `holdfast up` makes the first key.
drop table api_token;

grant select, insert, update on organisation, account, membership, access_key to holdfast_manager;
grant delete on membership to holdfast_manager;
