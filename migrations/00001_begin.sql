-- The whole memory of the house as it begins.
--
-- One text for two engines. Words in double braces differ: {{blob}} bytes, {{serial}} a growing row number that is
-- never given twice, {{bytewise}} text compared byte by byte. Flags are 0 and 1, times are milliseconds since 1970,
-- ids are text. Where rows of one table can be made before the row they speak of (a message may arrive before its
-- device is written), there is no foreign key.

create table credentials (
    id {{serial}},
    client_id text not null,
    secret_hash {{blob}} not null,
    role text not null,
    scopes text,
    description text not null,
    active bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint credentials_client_id_unique unique (client_id),
    constraint credentials_active_flag check (active in (0, 1))
);

create table identities (
    id text not null,
    user_id text not null,
    kind text not null,
    matrix_device text not null,
    is_host bigint not null,
    created_at bigint not null,
    constraint identities_primary primary key (id),
    constraint identities_user_unique unique (user_id),
    constraint identities_host_flag check (is_host in (0, 1))
);
-- Tokens made with use_host share one identity.
create unique index identities_one_host on identities (is_host) where is_host = 1;

create table members (
    identity text not null,
    user_id text not null,
    created_at bigint not null,
    constraint members_primary primary key (identity, user_id),
    constraint members_identity_exists foreign key (identity) references identities (id)
);
create index members_by_user on members (user_id);

create table tokens (
    id {{serial}},
    identity text not null,
    credential bigint,
    token_hash {{blob}} not null,
    is_admin bigint not null,
    expires_at bigint,
    last_used_at bigint,
    created_at bigint not null,
    updated_at bigint not null,
    constraint tokens_hash_unique unique (token_hash),
    constraint tokens_admin_flag check (is_admin in (0, 1)),
    constraint tokens_identity_exists foreign key (identity) references identities (id),
    constraint tokens_credential_exists foreign key (credential) references credentials (id)
);
-- The first token of all is the admin's, and there is only one first.
create unique index tokens_one_admin on tokens (is_admin) where is_admin = 1;
create index tokens_by_identity on tokens (identity);
create index tokens_by_credential on tokens (credential);
create index tokens_by_expiry on tokens (expires_at) where expires_at is not null;

create table devices (
    id text not null,
    identity text not null,
    platform text not null,
    number text not null,
    link text not null,
    linked_at bigint not null,
    -- A deleted device leaves its row: when the same number is linked again, its rooms are found by it.
    removed bigint not null default 0,
    constraint devices_removed_flag check (removed in (0, 1)),
    constraint devices_primary primary key (id),
    constraint devices_number_unique unique (identity, platform, number),
    constraint devices_identity_exists foreign key (identity) references identities (id)
);

create table portals (
    device text not null,
    chat text not null,
    room text,
    kind text not null,
    name text,
    ready bigint not null,
    constraint portals_primary primary key (device, chat),
    constraint portals_room_unique unique (room),
    constraint portals_ready_flag check (ready in (0, 1))
);

create table management_rooms (
    user_id text not null,
    room text not null,
    constraint management_rooms_primary primary key (user_id),
    constraint management_rooms_room_unique unique (room)
);

create table ghosts (
    contact text not null,
    user_id text not null,
    device text not null,
    name text,
    registered bigint not null,
    constraint ghosts_primary primary key (contact),
    constraint ghosts_user_unique unique (user_id),
    constraint ghosts_registered_flag check (registered in (0, 1))
);

create table accounts (
    user_id text not null,
    ready_at bigint not null,
    constraint accounts_primary primary key (user_id)
);

create table messages (
    device text not null,
    chat text not null,
    message text not null,
    sender text not null,
    room text,
    event text,
    direction text not null,
    body text,
    kind text not null,
    reply_to text,
    at bigint not null,
    state text not null,
    error text,
    matrix_transaction text,
    constraint messages_primary primary key (device, chat, message, sender),
    constraint messages_event_unique unique (event, device)
);
create index messages_by_time on messages (device, chat, at);

create table spellings (
    identity text not null,
    contact text not null,
    spelling text not null,
    constraint spellings_primary primary key (identity, contact),
    constraint spellings_identity_exists foreign key (identity) references identities (id)
);

create table webhooks (
    id {{serial}},
    identity text not null,
    url text not null,
    secret text not null,
    active bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint webhooks_url_unique unique (identity, url),
    constraint webhooks_active_flag check (active in (0, 1)),
    constraint webhooks_identity_exists foreign key (identity) references identities (id)
);

create table sends (
    id text not null,
    identity text not null,
    device text not null,
    recipient text not null,
    status text not null,
    reason text,
    message text,
    event text,
    created_at bigint not null,
    constraint sends_primary primary key (id),
    constraint sends_identity_exists foreign key (identity) references identities (id)
);
create index sends_by_identity on sends (identity);

create table idempotency_keys (
    token bigint not null,
    idempotency_key text not null,
    request_hash {{blob}} not null,
    response text not null,
    created_at bigint not null,
    constraint idempotency_keys_primary primary key (token, idempotency_key),
    constraint idempotency_keys_token_exists foreign key (token) references tokens (id) on delete cascade
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- The order of a lane is the order of its row numbers.
create table jobs (
    id {{serial}},
    lane text not null,
    lane_kind text not null,
    kind text not null,
    payload text not null,
    attempts bigint not null,
    run_at bigint not null,
    locked_by text,
    locked_until bigint,
    last_error text,
    created_at bigint not null,
    constraint jobs_lock_whole check ((locked_by is null) = (locked_until is null))
);
create index jobs_by_lane on jobs (lane, id);
create index jobs_locked on jobs (lane, locked_until) where locked_until is not null;

create table buried_jobs (
    id bigint not null,
    lane text not null,
    lane_kind text not null,
    kind text not null,
    payload text not null,
    attempts bigint not null,
    last_error text,
    created_at bigint not null,
    buried_at bigint not null,
    constraint buried_jobs_primary primary key (id)
);

-- Events are known by their id: transaction ids of a homeserver may start again.
create table accepted_events (
    event text not null,
    accepted_at bigint not null,
    constraint accepted_events_primary primary key (event)
);
create index accepted_events_by_age on accepted_events (accepted_at);

-- Single values, such as how far the bot has read.
create table notes (
    name text not null,
    content text not null,
    constraint notes_primary primary key (name)
);

-- What a network's protocol must remember of a device; opaque to us.
create table keys (
    device text not null,
    kind text {{bytewise}} not null,
    name text {{bytewise}} not null,
    content {{blob}} not null,
    expires bigint,
    constraint keys_primary primary key (device, kind, name)
);
create index keys_by_expiry on keys (device, kind, expires) where expires is not null;

-- One row for one person for life, whatever the person is known by.
create table people (
    id {{serial}},
    contact text not null,
    phone text,
    lid text,
    name text,
    constraint people_contact_unique unique (contact),
    constraint people_phone_unique unique (phone),
    constraint people_lid_unique unique (lid)
);

-- Names under which a person was known before two rows turned out to be one.
create table person_aliases (
    alias text not null,
    contact text not null,
    constraint person_aliases_primary primary key (alias),
    constraint person_aliases_contact_exists foreign key (contact) references people (contact)
);
