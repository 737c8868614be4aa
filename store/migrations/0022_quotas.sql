-- How much of everything a project may have, and what must be said of what is made in it.

-- Only what is limited has a row. Whoever makes something holds the rows of its project while it counts.
create table quota (
  project_id uuid not null references project,
  resource text not null,
  most bigint not null check (most >= 0),
  primary key (project_id, resource)
);

-- Tags without which nothing is made: in a project, or in all of an organisation.
create table required_tag (
  project_id uuid references project,
  organisation_id uuid references organisation,
  key text not null,
  -- Absent: any value will do.
  allowed text[],
  check ((project_id is null) <> (organisation_id is null))
);
create unique index required_tag_once on required_tag (coalesce(project_id, organisation_id), key);

grant select, insert, update, delete on quota, required_tag to holdfast_manager;
