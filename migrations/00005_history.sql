-- What a network tells of the time before: chats as they stood, and messages that no room shows (yet). They are rows of
-- `messages` without an event; what stands around such a message waits in `said` until it is shown.

create table history_chats (
    device text not null,
    chat text not null,
    kind text not null,
    name text,
    unread bigint not null,
    marked_unread bigint not null,
    archived bigint not null,
    read_only bigint not null,
    pinned_at bigint,
    muted_until bigint,
    timer bigint,
    -- The network has nothing older.
    is_whole bigint not null,
    last_at bigint,
    -- It has its room, or cannot have one.
    opened bigint not null default 0,
    constraint history_chats_primary primary key (device, chat),
    constraint history_chats_unread_flag check (marked_unread in (0, 1)),
    constraint history_chats_archived_flag check (archived in (0, 1)),
    constraint history_chats_read_only_flag check (read_only in (0, 1)),
    constraint history_chats_whole_flag check (is_whole in (0, 1))
);

-- Marks of people on messages that no room shows; they move to `reactions` with the message.
create table history_marks (
    device text not null,
    chat text not null,
    message text not null,
    message_sender text not null,
    sender text not null,
    emoji text not null,
    at bigint not null,
    constraint history_marks_primary primary key (device, chat, message, message_sender, sender)
);

alter table messages add column said text;
alter table messages add column starred bigint not null default 0;
create index messages_by_age on messages (at) where content is not null;

-- The newest messages of before are in the room, or there is no need: rooms that are older than this stay as they are.
alter table portals add column placed bigint not null default 0;
update portals set placed = 1;
