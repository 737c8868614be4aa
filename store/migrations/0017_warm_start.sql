-- Null: as its manifest says. What is true here, whoever answers for the image has said.
alter table image add column warm boolean;

-- How its processors came to run, as its host told it first: {"how", "took", "why"}.
alter table incarnation add column begun jsonb;
