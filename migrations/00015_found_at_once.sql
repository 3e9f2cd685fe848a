-- What stands in one event of a chat, and the newest message of a chat that people see.
drop index messages_by_gallery;
create index messages_by_gallery on messages (device, chat, shown_in, at, message) where shown_in is not null;
create index messages_shown on messages (device, chat, stored_at, message) where event is not null;

-- Messages by REST that wait.
create index jobs_unsent on jobs (id) where kind in ('resolve', 'send');
