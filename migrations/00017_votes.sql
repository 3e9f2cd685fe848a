-- The votes in polls that stand in Matrix, as events there. Whoever votes on a network has one vote, the latest; of several
-- here that are one person's, the one that the latest job showed (`turn`) is it, and the others are about to go.
create table votes (
    device text not null,
    chat text not null,
    message text not null,
    message_sender text not null,
    sender text not null,
    event text not null,
    options text not null,
    turn bigint not null,
    constraint votes_primary primary key (device, chat, message, message_sender, sender, event)
);
create index votes_by_event on votes (event);
