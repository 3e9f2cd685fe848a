-- What is known of each group and who is in it, what of that its room shows, and which of our rooms stand in which of our
-- spaces. With both sides of it stored, what is told twice changes nothing, and a comparison knows the difference.

create table group_chats (
    device text not null,
    chat text not null,
    -- What the network says of it, but for its members.
    content text not null,
    -- What of that its room shows, as it was put there last.
    shown text not null,
    -- The owner of the device is not in it any more, or it is no more.
    gone bigint not null,
    constraint group_chats_primary primary key (device, chat),
    constraint group_chats_gone_flag check (gone in (0, 1))
);

create table group_members (
    device text not null,
    chat text not null,
    who text not null,
    -- Absent: not in the group any more, though perhaps still in the room.
    rank text,
    -- Their Matrix user was brought into the room.
    present bigint not null,
    constraint group_members_primary primary key (device, chat, who),
    constraint group_members_present_flag check (present in (0, 1))
);

-- The space that holds all rooms of a device.
create table device_spaces (
    device text not null,
    room text not null,
    constraint device_spaces_primary primary key (device)
);

create table space_rooms (
    space text not null,
    room text not null,
    constraint space_rooms_primary primary key (space, room)
);
create index space_rooms_by_room on space_rooms (room);
