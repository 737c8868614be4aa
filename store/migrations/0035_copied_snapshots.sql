-- True of a volume that was made for a copy of a snapshot: it goes with the last snapshot in it, unless an instance has had it.
-- Null as well as false means that it stays; births write whole rows and name no such thing.
alter table volume add column goes_with_snapshots boolean;
