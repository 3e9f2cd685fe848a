-- People: what the owner has read and who read what the owner said, how ghosts look, how the owner marked chats, and whom the
-- owner's address book names.

-- When the owner read it, anywhere.
alter table messages add column seen_at bigint;
-- When the row came: the order of the room, whatever the clocks of networks say.
alter table messages add column stored_at bigint;
-- What was there before is not told as read now.
update messages set seen_at = at, stored_at = at;
create index messages_unseen on messages (device, chat, stored_at) where seen_at is null;
create index messages_by_id on messages (device, message);

create index portals_by_chat on portals (chat);

-- The newest message of the owner that a contact has read, and whether Matrix shows that.
create table read_marks (
    device text not null,
    chat text not null,
    contact text not null,
    message text not null,
    shown bigint not null,
    constraint read_marks_primary primary key (device, chat, contact),
    constraint read_marks_shown_flag check (shown in (0, 1))
);

-- The name of a business, which the network vouches for.
alter table people add column business text;

-- The picture a ghost shows, by the network's name for it; empty: it was looked for and there is none.
alter table ghosts add column picture text;
-- When the network was asked last what a contact looks like.
alter table ghosts add column asked_at bigint;

-- How the owner marked a chat, and whether Matrix shows that. Muted: until when, or -1 for ever.
create table chat_marks (
    device text not null,
    chat text not null,
    muted_until bigint,
    pinned bigint not null default 0,
    archived bigint not null default 0,
    unread bigint not null default 0,
    shown text,
    constraint chat_marks_primary primary key (device, chat),
    constraint chat_marks_pinned_flag check (pinned in (0, 1)),
    constraint chat_marks_archived_flag check (archived in (0, 1)),
    constraint chat_marks_unread_flag check (unread in (0, 1))
);

-- The owner's own names for people: never shown to anybody else.
create table address_book (
    device text not null,
    contact text not null,
    name text not null,
    folded text not null,
    constraint address_book_primary primary key (device, contact)
);
