-- Volumes that were made of something: of what, so that it can be told, and one that was not finished is not taken for empty.
-- No references: a copy outlives what it was made of.
alter table volume add column from_snapshot uuid, add column from_backup uuid;
