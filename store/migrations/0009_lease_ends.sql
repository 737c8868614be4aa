-- By when whatever may not run without this lease has certainly been ended, by its guard or its watchdog.
-- Reckoned with each renewal from the terms that the host was told, because settings may change between
-- that and the day it falls silent. Never made earlier. Null: not renewed since this column is there.
alter table host_lease add column ends_by timestamptz;
