-- Chats that somebody asked for by REST, and what became of them.
create table chat_requests (
    id text not null,
    -- Absent: it is still being done.
    opened text,
    created_at bigint not null,
    constraint chat_requests_primary primary key (id)
);

-- Which request a group was made for: networks have no id that would make a repeated request the same request.
create table made_groups (
    device text not null,
    chat text not null,
    request text not null,
    constraint made_groups_primary primary key (device, chat)
);
