-- What clients of the EC2 API say of things, and the ids that they call them by.

-- Words that users put on their things. The resource is a row of the table that `kind` names.
create table tag (
  resource uuid not null,
  project_id uuid not null references project,
  kind text not null,
  key text not null,
  value text not null,
  primary key (resource, key)
);
create index tag_by_key on tag (project_id, key, value);

-- What EC2's clients say and ask again, and Holdfast itself has no use for: the name of a device, a description.
create table ec2_note (
  subject uuid primary key,
  project_id uuid not null references project,
  detail jsonb not null
);

-- An id of EC2's is the last 17 digits of ours: 66 bits of chance, and no two that are alike.
create unique index instance_by_digits on instance ((right(replace(id::text, '-', ''), 17)));
create unique index volume_by_digits on volume ((right(replace(id::text, '-', ''), 17)));
create unique index snapshot_by_digits on snapshot ((right(replace(id::text, '-', ''), 17)));
create unique index image_by_digits on image ((right(replace(id::text, '-', ''), 17)));
create unique index security_group_by_digits on security_group ((right(replace(id::text, '-', ''), 17)));

-- An address is found by itself; what is said of it needs an id.
alter table public_address add column id uuid not null default gen_random_uuid() unique;

-- Those that have ended a moment ago are still shown.
create index instance_ended on instance (project_id, destroyed_at) where state = 'expunged';

grant select, insert, update, delete on tag, ec2_note to holdfast_manager;
