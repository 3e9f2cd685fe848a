-- What becomes of a message later.
-- Webhooks were told of it, and its media may still come.
alter table messages add column media_promised bigint not null default 0;
-- Until when it stands at the top of its chat; absent: it does not, or without an end.
alter table messages add column pinned_until bigint;
