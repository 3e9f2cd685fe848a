-- How links stood over time, what people were told of them, and how rooms live on.

-- Every change of a link. A device that is linked again keeps its past.
create table link_changes (
    id {{serial}},
    device text not null,
    state text not null,
    reason text,
    at bigint not null
);
create index link_changes_by_device on link_changes (device, id);

-- When the network last accepted the session, and when the owner's phone was last seen to be alive.
alter table devices add column connected_at bigint;
alter table devices add column phone_seen_at bigint;
-- The state that people were told of last.
alter table devices add column link_told text not null default 'connected';

-- What a webhook hears beside messages, separated by commas; absent: messages alone.
alter table webhooks add column events text;

-- The room that takes the place of this one, and since when nobody needs to be asked back into it again.
alter table portals add column next_room text;
alter table portals add column recall_at bigint;
alter table portals add column recalled_at bigint;
create index portals_by_next_room on portals (next_room);
