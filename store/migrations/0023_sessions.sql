-- People who have signed in, with a password or by way of somebody else who knows them.

-- Of the cookie only the hash is kept: whoever reads this table cannot come in with it.
create table session (
  id uuid primary key,
  hash text not null unique,
  account_id uuid not null references account,
  created_at timestamptz not null,
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  -- How they came in, from where, and with what.
  by text not null check (by in ('password', 'sso')),
  source text,
  agent text
);
create index session_by_account on session (account_id) where ended_at is null;

-- The one provider of single sign-on, if there is one.
create table single_sign_on (
  single boolean primary key default true check (single),
  issuer text not null,
  client_id text not null,
  sealed bytea not null,
  name_claim text not null,
  group_claim text not null,
  -- [{ group, role, organisation?, project? }], with ids.
  mapping jsonb not null
);

-- Those who are on their way to the provider. Each may come back once, and soon.
create table sign_on (
  state text primary key,
  nonce text not null,
  verifier text not null,
  began_at timestamptz not null
);

grant select, insert, update, delete on session, single_sign_on, sign_on to holdfast_manager;
