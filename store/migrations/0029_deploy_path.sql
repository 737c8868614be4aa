-- What a deploy writes, where nobody needs it.

-- The same as `instance_by_dependency`.
drop index instance_waiting;

-- A process is written three times within seconds: asked, running, up. With room for all of that on its page no index is touched.
alter table incarnation set (fillfactor = 50);
