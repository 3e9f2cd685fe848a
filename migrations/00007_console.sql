-- What people see who look: who is signed in, what became of each delivery, and when a device was last heard.

create table sessions (
    secret_hash {{blob}} not null,
    credential bigint not null,
    -- The token it works with. Row numbers are never given twice: that of a token that is gone opens nothing.
    token bigint,
    created_at bigint not null,
    expires_at bigint not null,
    constraint sessions_primary primary key (secret_hash),
    constraint sessions_credential_exists foreign key (credential) references credentials (id) on delete cascade
);
create index sessions_by_credential on sessions (credential);
create index sessions_by_expiry on sessions (expires_at);

-- The job delivers; this remembers for a while what became of it. Without a foreign key, since a webhook may be removed
-- while a delivery to it is being promised.
create table deliveries (
    id text not null,
    webhook bigint not null,
    -- The Matrix event it is about: when that is taken back, its payload goes too.
    event text not null,
    state text not null,
    attempts bigint not null,
    error text,
    next_at bigint,
    payload text,
    created_at bigint not null,
    settled_at bigint,
    constraint deliveries_primary primary key (id)
);
create index deliveries_by_webhook on deliveries (webhook, id);
create index deliveries_by_event on deliveries (event);
create index deliveries_settled on deliveries (webhook, settled_at) where settled_at is not null;

alter table devices add column heard_at bigint;
create index messages_by_arrival on messages (device, at);
