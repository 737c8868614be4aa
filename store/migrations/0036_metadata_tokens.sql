-- Whether the metadata of an instance is only for requests with a token. Null is `optional`: what a manager of before has made.
alter table instance add column metadata_tokens text check (metadata_tokens in ('optional', 'required'));
