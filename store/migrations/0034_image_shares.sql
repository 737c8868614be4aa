-- Which projects besides its own may use an image: to run it and to copy it. Nobody's but its own to change.
create table image_share (
  image_id uuid not null references image,
  project_id uuid not null references project,
  primary key (image_id, project_id)
);
create index image_share_by_project on image_share (project_id);
grant select, insert, delete on image_share to holdfast_manager;
