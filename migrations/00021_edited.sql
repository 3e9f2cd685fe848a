-- The Matrix event that says what a message of the owner says now; taking that back brings the words before it back.
alter table messages add column edited_by text;
create index messages_by_edit on messages (edited_by) where edited_by is not null;
