-- What a provider of single sign-on is asked for beside `openid`; absent: as much as it says that it knows of what we use.
alter table single_sign_on add column scopes text[];
