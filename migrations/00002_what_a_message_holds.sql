-- A message holds more than words: it is kept whole, so that it can be quoted, edited, voted on and fetched again; it may be
-- several events; people put marks on it; and each of its recipients has its own state.

alter table messages add column content text;
-- The Matrix user whose event it is: only they can edit it.
alter table messages add column speaker text;
alter table messages add column edited_at bigint;

-- The events of a message after its first one.
create table message_parts (
    device text not null,
    chat text not null,
    message text not null,
    sender text not null,
    part bigint not null,
    event text not null,
    constraint message_parts_primary primary key (device, chat, message, sender, part)
);
create index message_parts_by_event on message_parts (event);

-- The one mark a person has on a message.
create table reactions (
    device text not null,
    chat text not null,
    message text not null,
    message_sender text not null,
    sender text not null,
    emoji text not null,
    event text not null,
    constraint reactions_primary primary key (device, chat, message, message_sender, sender)
);
create index reactions_by_event on reactions (event);

-- How far a message of the owner came with each recipient.
create table receipts (
    device text not null,
    chat text not null,
    message text not null,
    contact text not null,
    state text not null,
    at bigint not null,
    constraint receipts_primary primary key (device, chat, message, contact)
);

-- Seconds after which new messages of a chat disappear; absent: they stay.
alter table portals add column timer bigint;
