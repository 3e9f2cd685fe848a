-- What is asked often and was searched for row by row.

-- Jobs by when they are due: most of them wait for days, until a message shall disappear.
create index jobs_due on jobs (run_at, id);

-- What the owner has not read of what rooms show, and what they have. Messages of before that no room shows are many, and
-- nobody reads them there.
drop index messages_unseen;
create index messages_unread on messages (device, chat, stored_at)
    where seen_at is null and sender <> 'owner' and event is not null;
create index messages_read on messages (device, chat, stored_at) where seen_at is not null and event is not null;
-- There is no event in it; SQLite would take the unique index of events otherwise, and look at all chats of the device.
create index messages_unshown on messages (device, chat, event, at) where event is null;

-- Who spoke in a room.
create index messages_by_speaker on messages (room, speaker) where direction = 'in' and speaker is not null;
