-- Several messages of a network may stand in one Matrix event (a gallery): one of them has it as its `event`, the others
-- name it here.
alter table messages add column shown_in text;
create index messages_by_gallery on messages (shown_in) where shown_in is not null;
