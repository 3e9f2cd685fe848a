-- Since when the timer of a chat is as it is known: what is told of an older one is no news.
alter table portals add column timer_at bigint;
alter table history_chats add column timer_at bigint;

-- Whether a message is kept from disappearing: 0 no, 1 yes, 2 yes and its time is over.
alter table messages add column kept bigint not null default 0;
