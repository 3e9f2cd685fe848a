-- Since when a credential has its secret: whoever learned a new one does not open what was made with the old one.
alter table credentials add column secret_set_at bigint not null default 0;
