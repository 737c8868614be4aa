-- What every deploy has to ask or write, at the cost of one instance and not of all there are.

-- Whoever comes up asks who has waited for it: nearly always nobody. Nothing that changes is in the condition,
-- so that no update of an instance has to touch this index.
create index instance_waiting on instance using gin (depends_on) where depends_on <> '{}';
