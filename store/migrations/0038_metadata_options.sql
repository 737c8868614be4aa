-- Whether the guest of an instance is answered at the metadata address, and how far an answer to one that needs a token
-- may travel. Null is `on`, and 1 hop: what a manager of before has made.
alter table instance add column metadata text check (metadata in ('on', 'off')),
  add column metadata_hops int check (metadata_hops between 1 and 64);
