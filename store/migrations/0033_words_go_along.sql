-- What is said of a thing goes when the thing does, through whichever door: tags and EC2's notes have no foreign key, because
-- their things are rows of several tables. An instance keeps its own, as its row and its journal stay.
create function forget_words() returns trigger language plpgsql as $$
begin
  delete from tag where resource = old.id;
  delete from ec2_note where subject = old.id;
  return null;
end $$;

create trigger words_go_along after delete on snapshot for each row execute function forget_words();
create trigger words_go_along after delete on security_group for each row execute function forget_words();
create trigger words_go_along after delete on security_rule for each row execute function forget_words();
create trigger words_go_along after delete on ssh_key for each row execute function forget_words();
create trigger words_go_along after delete on public_address for each row execute function forget_words();
create trigger words_go_along after update of state on volume for each row
  when (new.state = 'expunged' and old.state <> 'expunged') execute function forget_words();
create trigger words_go_along after update of state on image for each row
  when (new.state = 'deleted' and old.state <> 'deleted') execute function forget_words();
